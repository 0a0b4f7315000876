package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.Evidence.OomCause;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.examples.Cli.Outcome;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Real workloads under real limits: what the kernel enforces, not what was written. */
class LimitsIT {
  @TempDir Path scratch;

  private JobResult run(int expected, String... arguments) throws Exception {
    Path file = scratch.resolve("result.json");
    List<String> all = new ArrayList<>(List.of("run", "--result", file.toString()));
    all.addAll(List.of(arguments));
    Outcome outcome = Cli.ffrtmp(scratch, all.toArray(String[]::new));
    assertThat(outcome.status()).as(outcome.err()).isEqualTo(expected);
    return Cli.result(file);
  }

  @Test
  void memoryMax_whileItRuns_isInTheKernelsFile() throws Exception {
    assumeTrue(Cli.ROOT, "needs root to make a cgroup");
    Path pidFile = scratch.resolve("workload");
    try (Foster cli =
        new Foster(
            scratch,
            "run",
            "--memory-max",
            "64M",
            "--limits-required",
            "sh",
            "-c",
            "echo $$ >\"$1\".new; mv \"$1\".new \"$1\"; exec sleep 300",
            "sh",
            pidFile.toString())) {
      long pid = Long.parseLong(cli.content("workload"));
      try {
        assertThat(Files.readString(memoryFile(pid)).strip()).isEqualTo(Long.toString(64 << 20));
      } finally {
        ProcessHandle.of(pid).ifPresent(ProcessHandle::destroy);
      }
      assertThat(cli.status()).isEqualTo(128 + 15);
      assertThat(cli.err()).contains("reason=workload_failed_platform_ok");
    }
  }

  /** The file that limits a process's memory, on v1 or v2, found without any code of ours. */
  private static Path memoryFile(long pid) throws Exception {
    List<String> groups = Files.readAllLines(Path.of("/proc/" + pid + "/cgroup"));
    for (String line : groups) {
      String[] fields = line.split(":", 3);
      if (List.of(fields[1].split(",")).contains("memory")) {
        return Path.of("/sys/fs/cgroup/memory" + fields[2], "memory.limit_in_bytes");
      }
    }
    return Path.of("/sys/fs/cgroup" + groups.get(0).split(":", 3)[2], "memory.max");
  }

  /** Three levels: each inside the one that started it, and all inside the first one's limits. */
  @Test
  void jobs_startedByJobs_areInsideThem() throws Exception {
    assumeTrue(Cli.ROOT, "needs root to make a cgroup");
    Path groups = scratch.resolve("groups");
    Path innermost = scratch.resolve("innermost.json");
    String[] ids = {"it-one", "it-two", "it-three"};
    List<String> command =
        new ArrayList<>(List.of("--job-id", ids[0], "--memory-max", "512M", "--"));
    command.addAll(List.of(Cli.LAUNCHER.toString(), "run", "--job-id", ids[1], "--"));
    command.addAll(List.of(Cli.LAUNCHER.toString(), "run", "--job-id", ids[2]));
    command.addAll(List.of("--memory-max", "1G", "--result", innermost.toString(), "--"));
    command.addAll(List.of("cp", "/proc/self/cgroup", groups.toString()));
    JobResult outermost = run(0, command.toArray(String[]::new));
    assertThat(outermost.evidence().survivors()).hasValue(0);
    String path = ".*/ffrtmp/it-one/(.*/)?ffrtmp/it-two/(.*/)?ffrtmp/it-three";
    assertThat(Files.readAllLines(groups)).anyMatch(line -> line.matches(path));
    assertThat(Cli.result(innermost).receipt().limits())
        .singleElement()
        .satisfies(
            it -> {
              assertThat(it.status()).as("%s", it).isEqualTo(LimitOutcome.Status.ADJUSTED);
              assertThat(it.effective()).hasValue("" + (512 << 20));
            });
  }

  @Test
  void jobs_startedByJobs_areRecoveredFromOutside() throws Exception {
    assumeTrue(Cli.ROOT, "needs root to make a cgroup");
    Path inner = scratch.resolve("inner");
    Path workload = scratch.resolve("workload");
    String script =
        "\"$0\" run --job-id it-in -- sh -c 'echo $$ >\"$0\"; exec sleep 600' \"$2\" & echo $! >\"$1\";"
            + " exec sleep 600";
    List<String> command = new ArrayList<>(List.of(Cli.LAUNCHER.toString()));
    command.addAll(List.of("run", "--job-id", "it-out", "--", "sh", "-c", script));
    command.addAll(List.of(Cli.LAUNCHER.toString(), inner.toString(), workload.toString()));
    Process outer = Cli.start(new ProcessBuilder(command));
    try {
      for (int i = 0; i < 12_000 && pid(workload).isEmpty(); i++) {
        Thread.sleep(5);
      }
      pid(inner).orElseThrow().destroyForcibly();
    } finally {
      outer.destroyForcibly().waitFor();
    }
    String out = Cli.ffrtmp(scratch, "recover").out();
    assertThat(out).contains("goes on  it-in, process " + pid(workload).orElseThrow().pid());
    Matcher leader = Pattern.compile("goes on  it-out, process (\\d+)").matcher(out);
    assertThat(leader.find()).as(out).isTrue();
    pid(workload).orElseThrow().destroyForcibly();
    ProcessHandle.of(Long.parseLong(leader.group(1))).orElseThrow().destroyForcibly();
    String told = "";
    for (int i = 0; i < 20 && !(told.contains("JOB it-in") && told.contains("JOB it-out")); i++) {
      told += Cli.ffrtmp(scratch, "recover").out(); // a zombie keeps its group for a moment
    }
    assertThat(told).contains("JOB it-in", "JOB it-out");
    assertThat(Cli.ffrtmp(scratch, "run", "--job-id", "it-out", "true").status()).isZero();
  }

  private static Optional<ProcessHandle> pid(Path file) throws Exception {
    return Files.exists(file) && !Files.readString(file).isBlank()
        ? ProcessHandle.of(Long.parseLong(Files.readString(file).strip()))
        : Optional.empty();
  }

  @Test
  void ffmpeg_underCpuAndMemoryLimits_makesAValidFile() throws Exception {
    assumeTrue(Cli.has("ffmpeg") && Cli.has("ffprobe"), "needs ffmpeg and ffprobe");
    Path clip = scratch.resolve("clip.mkv");
    Path output = scratch.resolve("out.mkv");
    run(
        0,
        "--",
        "ffmpeg",
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc=duration=3:size=320x240:rate=25",
        "-c:v",
        "mpeg4",
        clip.toString());
    JobResult result =
        run(
            0,
            "--cpus",
            "0.5",
            "--memory-max",
            "256M",
            "--",
            "ffmpeg",
            "-v",
            "error",
            "-i",
            clip.toString(),
            "-vf",
            "scale=160:120",
            "-c:v",
            "mpeg4",
            output.toString());

    Outcome probe =
        Cli.await(
            scratch,
            new ProcessBuilder(
                "ffprobe",
                "-v",
                "error",
                "-count_frames",
                "-select_streams",
                "v",
                "-of",
                "csv=p=0",
                "-show_entries",
                "stream=width,height,nb_read_frames",
                output.toString()));
    assertThat(probe.out().strip()).isEqualTo("160,120,75");
    assertThat(result.receipt().limits()).hasSize(2);
    if (Cli.ROOT) {
      assertThat(result.receipt().limits()).allMatch(limit -> limit.status().inForce());
      assertThat(result.verdict()).isEqualTo(Verdict.COMPLETED_WITHIN_LIMITS);
    } else {
      assertThat(result.receipt().limits())
          .allMatch(
              limit ->
                  limit.status().inForce()
                      || limit.status() == LimitOutcome.Status.DENIED
                      || limit.status() == LimitOutcome.Status.UNSUPPORTED);
    }
  }

  @Test
  void stressNg_overItsMemoryLimit_diesOfItAndTheResultSaysSo() throws Exception {
    assumeTrue(Cli.has("stress-ng"), "needs stress-ng");
    assumeTrue(Cli.ROOT, "needs root to make a cgroup");
    Path file = scratch.resolve("result.json");
    Cli.ffrtmp(
        scratch,
        "run",
        "--result",
        file.toString(),
        "--memory-max",
        "48M",
        "--limits-required",
        "--",
        "stress-ng",
        "--vm",
        "1",
        "--vm-bytes",
        "256M",
        "--vm-populate",
        "--oomable",
        "--timeout",
        "20s",
        "--quiet");

    JobResult result = Cli.result(file);
    assertThat(result.evidence().oomKilledBy()).contains(OomCause.OWN_LIMIT);
    assertThat(result.verdict().compliant()).as("its own limit is no breach").isTrue();
  }
}
