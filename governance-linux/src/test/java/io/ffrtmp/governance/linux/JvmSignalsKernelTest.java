package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.ExitStatus;
import io.ffrtmp.governance.ExitStatus.Cause;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.ExitStatus.Unknown;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Stdio;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Pidfd;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What signals, and signals ignored, do to a workload and to the library; in JVMs of their own. */
@Tag("kernel")
class JvmSignalsKernelTest {
  private static final Duration PATIENCE = LinuxHost.patience(30);
  private static final String NAME = "ffrtmp-signals-" + ProcessHandle.current().pid();

  @TempDir Path dir;

  private static Governor open(String name) {
    return LinuxGovernor.builder().directoryName(name).open();
  }

  /** Starts a shell text with its output in a file, and waits to be ended. */
  static final class Starter {
    public static void main(String[] args) throws Exception {
      Governor governor = open(args[0]);
      Workload workload = Workload.of("sh", "-c", args[1], args[0]).jobId("job");
      Stdio output = Stdio.append(Path.of(args[2]));
      governor.start(workload.stdout(output).stderr(Stdio.sameAsStdout()));
      SecondJvm.tell("started");
      Thread.sleep(Long.MAX_VALUE);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"INT", "TERM", "HUP"})
  void signal_toTheJvmsProcessGroup_leavesTheWorkloadAlone(String signal) throws Exception {
    LinuxHost.assumeProgram("setsid");
    Path output = dir.resolve("out");
    String name = NAME + "-" + signal;
    String loop = "while :; do echo x; sleep 0.02; done";
    try (SecondJvm jvm = SecondJvm.of(Starter.class, name, loop, output).by("setsid").start()) {
      jvm.hear("started");
      assertThat(LinuxHost.stat(jvm.pid(), 5)).as("process group").contains("" + jvm.pid());
      new ProcessBuilder("kill", "-" + signal, "--", "-" + jvm.pid()).start().waitFor();
      jvm.awaitEnd();
      long written = output.toFile().length();
      await().atMost(PATIENCE).until(() -> output.toFile().length() > written + 10);
    } finally {
      endAndClean(name);
    }
  }

  @Test
  void output_tenMegabytesAfterTheJvmDied_isComplete() throws Exception {
    int bytes = 10 << 20;
    Path go = dir.resolve("go");
    Path output = dir.resolve("out");
    String name = NAME + "-output";
    String text =
        "while [ ! -e " + go + " ]; do sleep 0.02; done; yes 0123456789abcde | head -c " + bytes;
    try (SecondJvm jvm = SecondJvm.of(Starter.class, name, text, output).start()) {
      jvm.hear("started");
      jvm.kill();
      assertThat(output).isEmptyFile();
      Files.createFile(go);
      await().atMost(PATIENCE).until(() -> LinuxHost.processesWith(name).isEmpty());
      assertThat(Files.readString(output)).isEqualTo("0123456789abcde\n".repeat(bytes / 16));
    } finally {
      endAndClean(name);
    }
  }

  private static void endAndClean(String name) throws Exception {
    for (int pid : LinuxHost.processesWith(name)) {
      try (Pidfd pidfd = Pidfd.open(pid)) {
        pidfd.send(9);
      } catch (ErrnoException ended) {
        continue;
      }
    }
    await()
        .atMost(PATIENCE)
        .untilAsserted(
            () -> {
              open(name).close();
              assertThat(LinuxHost.cgroupsNamed(name)).isEmpty();
            });
  }

  /** Each kind of thread starts a workload that shows its own signals. */
  static final class Threads {
    public static void main(String[] args) throws Exception {
      assertThat(LinuxHost.signals("self", "SigIgn") & 1).as("SIGHUP is ignored here").isOne();
      Path output = Path.of(args[1]);
      ExecutorService pool = Executors.newSingleThreadExecutor();
      try (Governor governor = open(args[0])) {
        Runnable check = () -> check(governor, output);
        check.run();
        pool.submit(check).get();
        check.run();
        inVirtualThread(check);
      } finally {
        pool.shutdown();
      }
    }

    private static void inVirtualThread(Runnable task) throws Exception {
      try {
        var start = Thread.class.getMethod("startVirtualThread", Runnable.class);
        Throwable[] thrown = new Throwable[1];
        Thread thread = (Thread) start.invoke(null, task);
        thread.setUncaughtExceptionHandler((dead, cause) -> thrown[0] = cause);
        thread.join();
        assertThat(thrown[0]).isNull();
        SecondJvm.tell("virtual too");
      } catch (NoSuchMethodException beforeJdk21) {
        SecondJvm.tell("no virtual threads");
      }
    }

    private static void check(Governor governor, Path output) {
      try {
        Stdio file = Stdio.truncate(output);
        governor.run(Workload.of("cat", "/proc/self/status").stdout(file));
        String status = Files.readString(output);
        for (String set : new String[] {"SigBlk", "SigIgn", "SigCgt"}) {
          String line =
              status.lines().filter(each -> each.startsWith(set)).findFirst().orElseThrow();
          long signals = Long.parseUnsignedLong(line.substring(7).strip(), 16) & 0x7fffffffL;
          assertThat(signals).as("%s from %s", set, Thread.currentThread()).isZero();
        }
      } catch (Exception e) {
        throw new AssertionError(e);
      }
    }
  }

  @Test
  void signals_ofAWorkload_areCleanUnderNohupFromEveryKindOfThread() throws Exception {
    LinuxHost.assumeProgram("nohup");
    SecondJvm.of(Threads.class, NAME + "-threads", dir.resolve("status")).by("nohup").succeed();
  }

  /** Uses the library in every way, and compares what becomes of SIGCHLD. */
  static final class Sigchld {
    public static void main(String[] args) throws Exception {
      boolean ignored = Boolean.parseBoolean(args[1]);
      long before = ourSigchld();
      assertThat(before == 1).as("SIGCHLD is ignored here").isEqualTo(ignored);
      LinuxGovernor.probe();
      for (int code : new int[] {0, 7, 255}) {
        try (Governor governor = open(args[0])) {
          StartedJob job = governor.start(Workload.of("sh", "-c", "sleep 0.05; exit " + code));
          check(ignored, code, job.await().exitStatus().orElseThrow());
          checkCapability(ignored, governor);
        }
      }
      try (Governor bare = LinuxGovernor.builder().base("/no/such/cgroup").open()) {
        for (int i = 0; i < 20; i++) { // no gate: it may be gone before it can be looked at
          check(ignored, 0, bare.run(Workload.of("true")).exitStatus().orElseThrow());
        }
      }
      assertThat(ourSigchld()).as("SIGCHLD").isEqualTo(before);
      SecondJvm.tell("unchanged");
    }

    /** 1 if it is ignored, 2 if it is caught, else 0. */
    private static long ourSigchld() {
      long ignored = LinuxHost.signals("self", "SigIgn") >> 16 & 1;
      return ignored | (LinuxHost.signals("self", "SigCgt") >> 16 & 1) << 1;
    }

    private static void check(boolean ignored, int code, ExitStatus status) {
      if (ignored) {
        assertThat(status).isIn(new Exited(code), new Unknown(Cause.AUTO_REAPED));
        SecondJvm.tell("status " + status);
      } else {
        assertThat(status).isEqualTo(new Exited(code));
      }
    }

    private static void checkCapability(boolean ignored, Governor governor) {
      Capability sigchld = governor.host().capability("sigchld").orElseThrow();
      Capability.State expected = ignored ? Capability.State.PARTLY : Capability.State.YES;
      assertThat(sigchld.state()).isEqualTo(expected);
      assertThat(sigchld.cure().isPresent()).isEqualTo(ignored);
      assertThat(sigchld.cure().orElse("").contains("Linux 6.15"))
          .isEqualTo(ignored && !LinuxHost.tellsStrangers(governor));
    }
  }

  @Test
  void sigchld_atItsDefault_isUnchangedAndStatusesAreExact() throws Exception {
    try (SecondJvm jvm = SecondJvm.of(Sigchld.class, NAME + "-default", false).start()) {
      jvm.hear("unchanged");
      assertThat(jvm.awaitEnd()).isZero();
    }
  }

  @Test
  void sigchld_ignored_isUnchangedAndStatusesAreKnownOrSaidToBeLost() throws Exception {
    SecondJvm.Launch launch = SecondJvm.of(Sigchld.class, NAME + "-ignored", true);
    try (SecondJvm jvm = launch.by("env", "--ignore-signal=CHLD").start()) {
      assumeTrue(
          jvm.awaitEnd() != 125, "env(1) knows no --ignore-signal, as before coreutils 8.31");
      jvm.hear("unchanged");
      assertThat(jvm.awaitEnd()).as("exit of %s", jvm).isZero();
    }
  }

  /** Reaches the library's first native call, and nothing else. */
  static final class Probe {
    public static void main(String[] args) {
      LinuxGovernor.probe();
    }
  }

  @Test
  void firstUse_executesNoLdconfig() throws Exception {
    LinuxHost.assumeProgram("strace");
    Path trace = dir.resolve("trace");
    SecondJvm.of(Probe.class)
        .by("strace", "-f", "-qq", "-e", "trace=execve", "-o", trace.toString())
        .succeed();
    String executed = Files.readString(trace);
    assertThat(executed).contains("execve(").doesNotContain("ldconfig");
  }
}
