package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.Ending.NeverStarted;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.StartFailure.Step;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.examples.Cli.Outcome;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ExitStatusIT {
  @TempDir Path scratch;

  private Outcome run(String... arguments) throws Exception {
    return Cli.ffrtmp(
        scratch, Stream.concat(Stream.of("run"), Stream.of(arguments)).toArray(String[]::new));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 42, 255})
  void workload_exits_itsStatusIsOurs(int status) throws Exception {
    Outcome outcome = run("--intent", "test", "--", "sh", "-c", "exit " + status);

    assertThat(outcome.status()).isEqualTo(status);
    assertThat(outcome.jobLine())
        .contains(" | intent=test | sla=COMPLIANT | ")
        .contains(" | exit=" + status + " | ");
    assertThat(outcome.out()).isEmpty();
    assertThat(outcome.err().lines()).hasSize(1);
  }

  @Test
  void workload_killedBySignal_is128PlusItsNumber() throws Exception {
    Outcome outcome = run("--", "sh", "-c", "kill -9 $$");

    assertThat(outcome.status()).isEqualTo(128 + 9);
    assertThat(outcome.jobLine()).contains("exit=signal:9");
  }

  @Test
  void program_missing_is127() throws Exception {
    Path file = scratch.resolve("result.json");
    Outcome outcome = run("--result", file.toString(), "--", "no-such-program");

    assertThat(outcome.status()).isEqualTo(127);
    assertThat(outcome.err()).contains("ffrtmp: ").contains("no-such-program");
    assertThat(outcome.jobLine()).contains("reason=workload_not_startable");
    assertThat(Cli.result(file).ending())
        .isInstanceOfSatisfying(
            NeverStarted.class,
            never -> assertThat(never.failure().step()).isEqualTo(Step.PROGRAM));
  }

  @Test
  void program_whoseLoaderIsMissing_is127() throws Exception {
    Path program = withoutLoader(scratch.resolve("program"), "rwxr-xr-x");

    assertThat(run("--", program.toString()).status()).isEqualTo(127);
  }

  @Test
  void program_whoseLoaderOnlyTheKernelMisses_is127() throws Exception {
    Path program = Files.createTempFile(Path.of("/tmp"), "ffrtmp-it", "");
    try {
      withoutLoader(program, "--x--x--x"); // which an ordinary user can't read
      Outcome outcome = nobodyRuns("--result", "-", "--", program.toString());

      assertThat(outcome.out()).contains("\"step\":\"exec\",\"errno\":\"ENOENT\"");
      assertThat(outcome.status()).isEqualTo(127);
    } finally {
      Files.delete(program);
    }
  }

  private static Path withoutLoader(Path program, String permissions) throws IOException {
    String real = Files.readString(Path.of("/bin/true"), StandardCharsets.ISO_8859_1);
    String without = real.replace("/ld-", "/no-"); // as in /lib64/ld-linux-x86-64.so.2
    Files.writeString(program, without, StandardCharsets.ISO_8859_1);
    return Files.setPosixFilePermissions(program, PosixFilePermissions.fromString(permissions));
  }

  @Test
  void program_notExecutable_is126() throws Exception {
    Path plain = Files.writeString(scratch.resolve("plain"), "text");
    Path unknown = Files.writeString(scratch.resolve("unknown"), "text");
    Files.setPosixFilePermissions(unknown, PosixFilePermissions.fromString("rwxr-xr-x"));

    assertThat(run("--", plain.toString()).status()).isEqualTo(126);
    assertThat(run("--", scratch.toString()).status()).as("a directory").isEqualTo(126);
    assertThat(run("--", unknown.toString()).status()).as("no known format").isEqualTo(126);
  }

  @Test
  void directoryOrLogFile_missing_is125() throws Exception {
    String missing = scratch.resolve("missing").toString();

    assertThat(run("--workdir", missing, "true").status()).isEqualTo(125);
    assertThat(run("--stdout", missing + "/log", "true").status()).isEqualTo(125);
    assertThat(run("--stdin", missing, "true").status()).isEqualTo(125);
  }

  private Outcome shell(String script) throws Exception {
    return Cli.await(scratch, new ProcessBuilder("sh", "-c", script, Cli.LAUNCHER.toString()));
  }

  @Test
  void descriptors_closed_areNoFilesOfTheJvm() throws Exception {
    Path trace = scratch.resolve("trace");
    String list = " run -- sh -c 'ls -l /proc/$$/fd >" + trace + "'";
    for (String closed : List.of("2>&-", "<&- >&- 2>&-")) {
      assertThat(shell("\"$0\"" + list + " " + closed).status()).isZero();
      assertThat(Files.readString(trace)).doesNotContain("/lib", ".jar").contains("2 -> /dev/null");
      assertThat(shell("\"$0\" run -- sh -c 'echo lost >&2' " + closed).status()).isPositive();
    }
    Outcome outcome = shell("\"$0\" run --result - -- true >&-");
    assertThat(outcome.err()).contains("the result was not written");
  }

  @Test
  void descriptor_ofAFileSystemThatRefusesUs_isNotTakenForClosed() throws Exception {
    assumeTrue(Cli.ROOT && Files.exists(Path.of("/dev/fuse")), "needs root and FUSE");
    assumeTrue(Cli.has("perl"), "needs perl");
    Path place = Files.createDirectory(scratch.resolve("fuse"));
    String mount = "mount -i -n -t fuse -o fd=3,rootmode=40000,user_id=65534,group_id=65534 none ";
    String asOutput =
        " && exec perl -MPOSIX -e 'dup2(POSIX::open(shift, 010000000), 1); exec @ARGV' "; // O_PATH
    String workload = " sh -c 'link=$(readlink /proc/$$/fd/1); echo $link >&2'";
    String script =
        "exec 3<>/dev/fuse; " + mount + place + asOutput + place + " \"$0\" run" + workload;
    Outcome outcome =
        Cli.await(
            scratch,
            new ProcessBuilder("unshare", "-m", "sh", "-c", script, Cli.LAUNCHER.toString()));
    assumeTrue(!outcome.err().contains("mount: "), outcome.err());

    assertThat(outcome.err().lines()).contains(place.toString());
  }

  @Test
  void descriptors_scarce_whatIsWrongIsTold() throws Exception {
    for (int most = 10; most <= 13; most++) { // whichever the shell needs for itself
      Outcome outcome = shell("ulimit -n " + most + "; \"$0\" run true");
      assertThat(outcome.err()).as("of %d", most).isNotEmpty();
      assertThat(outcome.status()).as(outcome.err()).isIn(0, 2, 125); // enough; the shell's; ours
    }
  }

  @Test
  void threadDump_asked_isNotInTheResult() throws Exception {
    Path go = scratch.resolve("go");
    Path out = scratch.resolve("out");
    Path err = scratch.resolve("err");
    String workload = "kill -QUIT $PPID; timeout 60 head -n 1 " + go + " >/dev/null";
    ProcessBuilder builder =
        new ProcessBuilder(
            Cli.LAUNCHER.toString(), "run", "--result", "-", "--", "sh", "-c", workload);
    try (RandomAccessFile gate = Cli.fifo(go)) {
      Process process = Cli.start(builder.redirectOutput(out.toFile()).redirectError(err.toFile()));
      try {
        await()
            .atMost(20, TimeUnit.SECONDS)
            .until(() -> Files.readString(err).contains("Full thread dump"));
        gate.writeBytes("go\n");
        assertThat(process.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(process.exitValue()).isZero();
      } finally {
        process.destroyForcibly();
      }
    }
    assertThat(out).content().startsWith("{\"job_id\":").hasLineCount(1);
  }

  @Test
  void workingDirectory_gone_is125() throws Exception {
    Path gone = Files.createDirectory(scratch.resolve("gone"));
    Outcome outcome = shell("cd " + gone + "; rmdir " + gone + "; \"$0\" run true");
    assertThat(outcome.status()).isEqualTo(125);
    assertThat(outcome.err()).contains("ffrtmp: the working directory is gone");
  }

  @Test
  void report_thatNobodyGot_is125() throws Exception {
    for (String command : List.of("doctor", "doctor --json", "recover")) {
      Outcome outcome = shell("\"$0\" " + command + " >/dev/full");
      assertThat(outcome.status()).as(command).isEqualTo(125);
      assertThat(outcome.err()).contains("standard output can't be written to");
    }
  }

  @Test
  void result_ofAPrivateFile_staysPrivate() throws Exception {
    Path file = Files.writeString(scratch.resolve("private"), "old");
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
    run("--result", file.toString(), "true");
    assertThat(Cli.result(file).verdict()).isEqualTo(Verdict.SUCCESS);
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
  }

  @Test
  void result_withNowhereToGo_startsNothing() throws Exception {
    Path trace = scratch.resolve("trace");
    Path directory = Files.createDirectory(scratch.resolve("directory"));
    Path link = Files.createSymbolicLink(scratch.resolve("link"), directory);
    Path loop = Files.createSymbolicLink(scratch.resolve("loop"), Path.of("loop"));
    List<String> nowhere =
        List.of(
            scratch.resolve("missing/r.json").toString(),
            "",
            directory.toString(),
            link.toString(),
            scratch.resolve("file") + "/",
            scratch.resolve("n".repeat(256)).toString(),
            loop.toString(),
            "/dev/fd/999");
    for (String name : nowhere) {
      Outcome outcome = run("--result", name, "touch", trace.toString());

      assertThat(outcome.status()).as("--result '%s'", name).isEqualTo(125);
      assertThat(outcome.err())
          .startsWith("ffrtmp: the result can't be written")
          .doesNotContain("Exception");
      assertThat(outcome.err().contains("does not exist"))
          .as(outcome.err())
          .isEqualTo(name.endsWith("missing/r.json") || name.startsWith("/dev"));
      assertThat(trace).doesNotExist();
    }
  }

  @Test
  void result_ofALongName_isWritten() throws Exception {
    Path file = scratch.resolve("n".repeat(255));
    assertThat(run("--result", file.toString(), "true").status()).isZero();
    assertThat(Cli.result(file).verdict()).isEqualTo(Verdict.SUCCESS);
  }

  private Outcome asNobody(String... command) throws Exception {
    assumeTrue(Cli.ROOT, "needs root to become another user");
    ProcessBuilder builder =
        new ProcessBuilder("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups");
    builder.command().addAll(List.of(command));
    return Cli.await(scratch, builder);
  }

  private Outcome nobodyRuns(String... arguments) throws Exception {
    String jar = Path.of("target", "ffrtmp.jar").toAbsolutePath().toString();
    assumeTrue(asNobody("test", "-r", jar).status() == 0, "needs a checkout that others can read");
    return asNobody(
        Stream.concat(Stream.of(Cli.LAUNCHER.toString(), "run"), Stream.of(arguments))
            .toArray(String[]::new));
  }

  @Test
  void result_inADirectoryClosedToUs_isNotSaidToBeMissing() throws Exception {
    Outcome outcome = nobodyRuns("--result", scratch.resolve("result.json").toString(), "true");

    assertThat(outcome.status()).isEqualTo(125);
    assertThat(outcome.err()).contains("permission denied").doesNotContain("Exception");
  }

  @Test
  void result_ofAnotherUsersFileInAStickyDirectory_is125() throws Exception {
    Path file = Files.createTempFile(Path.of("/tmp"), "ffrtmp-it", ".json");
    try {
      Outcome outcome = nobodyRuns("--result", file.toString(), "true");

      assertThat(outcome.status()).isEqualTo(125);
      assertThat(outcome.err()).contains("another user's, in a sticky directory");
    } finally {
      Files.delete(file);
    }
  }

  @Test
  void command_unknown_is2AndNamesThoseThatAre() throws Exception {
    Outcome outcome = Cli.ffrtmp(scratch, "help");
    assertThat(outcome.status()).isEqualTo(2);
    assertThat(outcome.err()).startsWith("ffrtmp: 'help' is no command; there are run, attach, ");
  }

  @Test
  void usage_wrong_is2AndStartsNothing() throws Exception {
    String file = scratch.resolve("file").toString();
    String link = Files.createSymbolicLink(scratch.resolve("link"), Path.of("file")).toString();
    String[][] wrong = {
      {"--no-such-option", "true"},
      {},
      {"--cpus", "1", "--cpu-max", "1000 1000", "true"},
      {"--cpus", "NaN", "true"},
      {"--cpus", "1.5f", "true"},
      {"--cpus", "0x1p1", "true"},
      {"--cpu-weight", "0", "true"},
      {"--memory-max", "9999999T", "true"},
      {"--memory-max", "1e3", "true"},
      {"--io-max", "8:0", "true"},
      {"--env", "=x", "true"},
      {"--job-id", "a/b", "true"},
      {"--job-id", "a", "--job-id", "b", "true"},
      {"--stdin", "-", "true"},
      {"--stdout", "-", "true"},
      {"--stdout", file, "--result", file, "true"},
      {"--stderr", link, "--result", file, "true"},
      {"--stderr", file, "--result", link, "true"},
    };
    for (String[] arguments : wrong) {
      Outcome outcome = run(arguments);

      assertThat(outcome.status()).as("%s", String.join(" ", arguments)).isEqualTo(2);
      assertThat(outcome.err().lines()).allMatch(line -> line.startsWith("ffrtmp: "));
      assertThat(outcome.out()).isEmpty();
    }
  }

  @Test
  void result_toFile_readsBackAndLeavesNothingBeside() throws Exception {
    Path directory = Files.createDirectory(scratch.resolve("results"));
    Path file = Files.writeString(directory.resolve("r.json"), "old");
    Outcome outcome =
        run(
            "--job-id",
            "result-it",
            "--intent",
            "test",
            "--result",
            file.toString(),
            "sh",
            "-c",
            "exit 3");

    JobResult result = Cli.result(file);
    assertThat(outcome.status()).isEqualTo(3);
    assertThat(result.jobId()).isEqualTo("result-it");
    assertThat(result.start().intent()).contains("test");
    assertThat(result.exitStatus()).isEqualTo(Optional.of(new Exited(3)));
    assertThat(result.verdict()).isEqualTo(Verdict.WORKLOAD_FAILED_PLATFORM_OK);
    assertThat(result).hasToString(outcome.jobLine());
    try (Stream<Path> beside = Files.list(directory)) {
      assertThat(beside).containsExactly(file);
    }
  }

  @Test
  void result_throughLink_replacesTheFileAndKeepsTheLink() throws Exception {
    Path file = Files.writeString(scratch.resolve("real.json"), "old");
    Path link = Files.createSymbolicLink(scratch.resolve("link.json"), file.getFileName());

    run("--result", link.toString(), "true");

    assertThat(link).isSymbolicLink();
    assertThat(Cli.result(file).verdict()).isEqualTo(Verdict.SUCCESS);
  }

  @Test
  void result_throughLinkToAFileThatIsNotThereYet_makesThatFile() throws Exception {
    Path file = Files.createDirectory(scratch.resolve("results")).resolve("new.json");
    Path link = Files.createSymbolicLink(scratch.resolve("link.json"), Path.of("results/new.json"));

    run("--result", link.toString(), "true");

    assertThat(link).isSymbolicLink();
    assertThat(Cli.result(file).verdict()).isEqualTo(Verdict.SUCCESS);
  }

  @Test
  void result_dashOrDevice_isWrittenToNotReplaced() throws Exception {
    assertThat(run("--result", "-", "true").out()).startsWith("{\"job_id\":").endsWith("}\n");
    assertThat(run("--result", "/dev/stdout", "true").out()).startsWith("{\"job_id\":");
    assertThat(run("--result", "/dev/null", "true").status()).isZero();
    assertThat(Files.isRegularFile(Path.of("/dev/null"))).isFalse();
  }

  @Test
  void result_toADescriptor_goesBehindWhatIsThere() throws Exception {
    Path third = Files.writeString(scratch.resolve("third"), "third\n");
    Path link = Files.createSymbolicLink(scratch.resolve("link"), Path.of("/dev/stderr"));

    for (String name : List.of("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")) {
      assertThat(runBetweenOthers(third, name).out())
          .as(name)
          .matches("before\nworkload\n\\{.*}\nafter\n");
    }
    assertThat(runBetweenOthers(third, link.toString()).err()).matches("JOB .*\n\\{.*}\nafter\n");
    runBetweenOthers(third, "/dev/fd/3");
    assertThat(third).content().matches("third\n\\{.*}\n");
  }

  /** Output and errors go to files that others write to as well; descriptor 3 is open too. */
  private Outcome runBetweenOthers(Path third, String result) throws Exception {
    String script =
        "exec 3>>\"$1\"; echo before; \"$0\" run --result \"$2\" echo workload;"
            + " echo after; echo after >&2";
    String launcher = Cli.LAUNCHER.toString();
    return Cli.await(
        scratch, new ProcessBuilder("sh", "-c", script, launcher, third.toString(), result));
  }
}
