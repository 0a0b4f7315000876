package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code ffrtmp attach} and {@code recover}, on a target in groups of its own where we are root.
 */
class AttachIT {
  private static final List<String> TREES = List.of("memory", "cpu", "cpuacct", "blkio", "unified");

  @TempDir Path scratch;
  private final String unit = "ffrtmp-it-" + ProcessHandle.current().pid();
  private final List<Path> units = new ArrayList<>();
  private final List<Process> processes = new ArrayList<>();

  private Process target(String script) throws IOException {
    Process process = new ProcessBuilder("sh", "-c", "read go; " + script).start();
    processes.add(process);
    Path root = Path.of("/sys/fs/cgroup");
    boolean unified = Files.exists(root.resolve("cgroup.controllers"));
    for (Path tree : unified ? List.of(root) : TREES.stream().map(root::resolve).toList()) {
      if (Cli.ROOT && Files.isDirectory(tree)) {
        Path group = tree.resolve(unit);
        Files.createDirectories(group);
        units.add(group);
        Files.writeString(group.resolve("cgroup.procs"), "" + process.pid());
      }
    }
    process.getOutputStream().write('\n');
    process.getOutputStream().flush();
    return process;
  }

  @AfterEach
  void end() throws Exception {
    for (Process each : processes) {
      each.descendants().forEach(ProcessHandle::destroyForcibly);
      each.destroyForcibly().waitFor();
    }
    Cli.ffrtmp(scratch, "recover");
    for (Path each : units) {
      for (int i = 0; i < 200 && Files.exists(each); i++) {
        removed(each);
      }
    }
  }

  private static void removed(Path directory) throws InterruptedException {
    try {
      Files.deleteIfExists(directory);
    } catch (IOException busy) { // a zombie leaves a little later
      Thread.sleep(10);
    }
  }

  @Test
  void attach_observesToTheEnd_andWritesTheResult() throws Exception {
    Process process = target("sleep 20; exit 7");
    Path file = scratch.resolve("result.json");
    Cli.Outcome outcome =
        Cli.ffrtmp(
            scratch,
            "attach",
            "--pid",
            "" + process.pid(),
            "--job-id",
            "it",
            "--result",
            "" + file);
    assertThat(outcome.status()).as(outcome.err()).isZero();
    JobResult result = Cli.result(file);
    assertThat(result.start().mode()).isEqualTo(Mode.ATTACH);
    assertThat(result.verdict()).isEqualTo(Verdict.OBSERVED_TO_COMPLETION);
    assertThat(outcome.jobLine()).isEqualTo(result.toString());
  }

  @Test
  void attach_propagateExit_hasTheStatusOfTheWorkload() throws Exception {
    assumeTrue(
        Cli.ffrtmp(scratch, "doctor").out().contains("PIDFD_GET_INFO tells it"),
        "this kernel does not tell how strangers end");
    Process process = target("sleep 20; exit 7");
    Cli.Outcome outcome =
        Cli.ffrtmp(scratch, "attach", "--pid", "" + process.pid(), "--propagate-exit");
    assertThat(outcome.status()).as(outcome.err()).isEqualTo(7);
  }

  @Test
  void attach_severalPids_haveOneJobEach() throws Exception {
    Process one = target("exec sleep 20");
    Process other = target("exec sleep 20");
    Cli.Outcome outcome =
        Cli.ffrtmp(
            scratch,
            "attach",
            "--pid",
            "" + one.pid(),
            "--pid",
            "" + other.pid(),
            "--job-id",
            "it");
    assertThat(outcome.status()).as(outcome.err()).isZero();
    assertThat(outcome.err()).contains("JOB it-" + one.pid() + " ", "JOB it-" + other.pid() + " ");
  }

  @Test
  void attach_toNobody_failsAndSaysWhy() throws Exception {
    Cli.Outcome outcome = Cli.ffrtmp(scratch, "attach", "--pid", "4194304");
    assertThat(outcome.status()).isEqualTo(Ffrtmp.NOT_GOVERNED);
    assertThat(outcome.err()).contains("there is no process 4194304");
    assertThat(Cli.ffrtmp(scratch, "attach", "--pid", "0").status()).isEqualTo(Ffrtmp.USAGE);
    assertThat(Cli.ffrtmp(scratch, "attach").status()).isEqualTo(Ffrtmp.USAGE);
    Cli.Outcome twice = Cli.ffrtmp(scratch, "attach", "--pid", "7", "--pid", "7");
    assertThat(twice.status()).isEqualTo(Ffrtmp.USAGE);
  }

  @Test
  void signal_detaches_theTargetGoesOnInItsLimits_andRecoverFindsIt() throws Exception {
    assumeTrue(Cli.ROOT, "needs root to make a cgroup");
    Process process = target("exec sleep 60");
    Path err = scratch.resolve("err");
    Process cli =
        Cli.start(
            new ProcessBuilder(
                    Cli.LAUNCHER.toString(),
                    "attach",
                    "--pid",
                    "" + process.pid(),
                    "--job-id",
                    "it",
                    "--memory-max",
                    "1G")
                .redirectError(err.toFile()));
    Path home = units.get(0).resolve("ffrtmp").resolve("it");
    Path limit = home.resolve("memory.limit_in_bytes");
    Path file =
        Files.exists(units.get(0).resolve("memory.limit_in_bytes"))
            ? limit
            : home.resolve("memory.max");
    for (int i = 0;
        i < 12_000 && !(Files.exists(file) && Files.readString(file).strip().equals("1073741824"));
        i++) {
      Thread.sleep(5);
    }
    Thread.sleep(300); // it waits by now
    cli.destroy();
    assertThat(cli.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(cli.exitValue()).as(Files.readString(err)).isEqualTo(143);
    assertThat(Files.readString(err))
        .contains("let go: job it goes on as process " + process.pid());
    assertThat(process.isAlive()).isTrue();
    assertThat(Files.readString(file).strip()).isEqualTo("1073741824");
    Cli.Outcome recovered = Cli.ffrtmp(scratch, "recover");
    assertThat(recovered.out()).contains("goes on  it, process " + process.pid() + ", attach");
    assertThat(Cli.ffrtmp(scratch, "recover", "--json").out()).contains("\"job_id\":\"it\"");

    Path out = scratch.resolve("watch");
    Process watch =
        Cli.start(
            new ProcessBuilder(Cli.LAUNCHER.toString(), "recover", "--watch")
                .redirectOutput(out.toFile())
                .redirectError(err.toFile()));
    for (int i = 0; i < 12_000 && !Files.readString(out).contains("goes on  it"); i++) {
      Thread.sleep(5);
    }
    assertThat(Files.readString(out)).contains("goes on  it");
    watch.destroy();
    assertThat(watch.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(watch.exitValue()).isEqualTo(143);
    assertThat(Files.readString(err)).contains("JOB it ", "detached_workload_continues");
    assertThat(process.isAlive()).isTrue();

    Cli.Outcome released = Cli.ffrtmp(scratch, "recover", "--release", "it");
    assertThat(released.status()).as(released.err()).isZero();
    assertThat(released.out()).contains("memory.max applied");
    assertThat(released.err()).contains("released: job it goes on as process " + process.pid());
    assertThat(home).doesNotExist();
    assertThat(process.isAlive()).isTrue();
    assertThat(Cli.ffrtmp(scratch, "recover", "--release", "it").status()).isEqualTo(125);
  }

  @Test
  void signal_whileSeveralAreAttachedTo_tellsOfEach() throws Exception {
    assumeTrue(Cli.ROOT, "needs root to make a cgroup");
    List<Process> targets = new ArrayList<>();
    List<String> command = new ArrayList<>(List.of(Cli.LAUNCHER.toString(), "attach"));
    for (int i = 0; i < 40; i++) {
      Process target = target("exec sleep 600");
      targets.add(target);
      command.addAll(List.of("--pid", "" + target.pid()));
    }
    Path err = scratch.resolve("err");
    Path file = scratch.resolve("result.json");
    command.addAll(List.of("--job-id", "it", "--result", file.toString()));
    Process cli = Cli.start(new ProcessBuilder(command).redirectError(err.toFile()));
    for (int i = 0; i < 12_000 && !membership(targets.get(0)).contains("/ffrtmp/it-"); i++) {
      Thread.sleep(5);
    }
    cli.destroy();
    assertThat(cli.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(cli.exitValue()).isEqualTo(143);
    String said = Files.readString(err);
    assumeTrue(said.contains("told to end before process "), "it was attached to all by then");
    for (Process each : targets) {
      boolean attached = membership(each).contains("/ffrtmp/it-" + each.pid());
      assertThat(said.contains("JOB it-" + each.pid() + " |")).isEqualTo(attached);
      assertThat(said.contains("it-" + each.pid() + " goes on as process")).isEqualTo(attached);
      assertThat(said.contains("told to end before process " + each.pid() + " "))
          .isEqualTo(!attached);
    }
    assertThat(file).exists();
  }

  private static String membership(Process process) throws IOException {
    return Files.readString(Path.of("/proc/" + process.pid() + "/cgroup"));
  }
}
