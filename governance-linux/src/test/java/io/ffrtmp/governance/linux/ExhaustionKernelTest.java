package io.ffrtmp.governance.linux;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Ending.NeverStarted;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.ExitStatus.Signalled;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.HostUnsupportedException;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartFailedException;
import io.ffrtmp.governance.StartFailure;
import io.ffrtmp.governance.StartFailure.Fault;
import io.ffrtmp.governance.StartFailure.Step;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A host that has nothing left to give: starts fail typed, the rest goes on. In a second JVM. */
@Tag("kernel")
class ExhaustionKernelTest {
  private static final String NAME = "ffrtmp-exhaustion-" + ProcessHandle.current().pid();
  private static final Duration PATIENCE = LinuxHost.patience(30);

  /** Of this test alone, as the kernel counts the processes of a user. */
  private static final int USER = 64_000 + (int) (ProcessHandle.current().pid() % 1_000);

  /** What both need to have loaded, and what is there when nothing runs. */
  private static int descriptorsWhenIdle(Governor governor) throws Exception {
    assertThat(governor.run(Workload.of("true")).verdict()).isEqualTo(Verdict.SUCCESS);
    assertThat(failure(governor, Workload.of("/no/such/program")).fault())
        .isEqualTo(Fault.WORKLOAD);
    return HeldDescriptors.count();
  }

  private static StartFailure failure(Governor governor, Workload workload) {
    JobResult result =
        catchThrowableOfType(StartFailedException.class, () -> governor.start(workload)).result();
    return ((NeverStarted) result.ending()).failure();
  }

  private static void assertNothingLeft(Governor governor, int descriptors) throws Exception {
    assertThat(governor.run(Workload.of("true")).exitStatus()).contains(new Exited(0));
    assertThat(governor.jobs()).isEmpty();
    assertThat(ProcessHandle.current().children()).isEmpty();
    assertThat(HeldDescriptors.count()).isEqualTo(descriptors);
  }

  static final class Processes {
    public static void main(String[] args) throws Exception {
      BufferedReader parent = new BufferedReader(new InputStreamReader(System.in));
      try (Governor governor = LinuxGovernor.builder().directoryName(args[0]).open()) {
        int descriptors = descriptorsWhenIdle(governor);
        StartedJob before = governor.start(Workload.of("sleep", "600"));
        SecondJvm.tell("ready");
        parent.readLine();
        for (int i = 0; i < 3; i++) {
          assertRefused(failure(governor, Workload.of("true")));
          Limits gated = Limits.NONE.cpuWeight(50);
          assertRefused(failure(governor, Workload.of("true").limits(gated)));
        }
        assertThatThrownBy(() -> LinuxGovernor.builder().directoryName(args[0]).open())
            .isInstanceOf(HostUnsupportedException.class)
            .hasMessageContaining("start a thread: EAGAIN")
            .hasMessageContaining("limit of descriptors or processes");
        assertThat(ProcessHandle.current().children()).hasSize(1);
        before.signal(Signal.TERM);
        assertThat(before.await(PATIENCE).orElseThrow().exitStatus())
            .contains(new Signalled(Signal.TERM, false));
        SecondJvm.tell("refused");
        parent.readLine();
        assertNothingLeft(governor, descriptors);
      }
    }

    private static void assertRefused(StartFailure failure) {
      assertThat(failure.step()).isEqualTo(Step.SPAWN);
      assertThat(failure.errno()).contains("EAGAIN");
      assertThat(failure.fault()).isEqualTo(Fault.PLATFORM);
    }
  }

  @Test
  void start_noMoreProcesses_failsTypedAndJobsAreConcluded() throws Exception {
    LinuxHost.assumeProgram("prlimit");
    try (SecondJvm jvm = SecondJvm.of(Processes.class, NAME).as(USER).start()) {
      jvm.hear("ready");
      limitProcesses(jvm, "1:");
      jvm.say("limited");
      jvm.hear("refused");
      limitProcesses(jvm, "500:");
      jvm.say("free");
      assertThat(jvm.awaitEnd()).as("exit of %s", jvm).isZero();
    }
  }

  private static void limitProcesses(SecondJvm jvm, String soft) throws Exception {
    String pid = Integer.toString(jvm.pid());
    // As the same user: for another even root needs CAP_SYS_RESOURCE.
    List<String> command = new ArrayList<>(SecondJvm.asUser(USER));
    command.addAll(List.of("prlimit", "--pid", pid, "--nproc=" + soft));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String printed = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertThat(process.waitFor()).as(printed).isZero();
  }

  static final class Descriptors {
    private static final Limits LIMITS =
        Limits.NONE.cpuMax(new CpuMax(50_000, 100_000)).memoryMaxBytes(64 << 20);

    public static void main(String[] args) throws Exception {
      try (Governor governor = LinuxGovernor.builder().directoryName(args[0]).open()) {
        governor.run(Workload.of("true").limits(LIMITS));
        int descriptors = descriptorsWhenIdle(governor);
        StartedJob before = governor.start(Workload.of("sleep", "600"));
        Deque<Integer> taken = takeAll();
        StartFailure failure = failure(governor, Workload.of("true").limits(LIMITS));
        assertThat(failure.errno()).contains("EMFILE");
        assertThat(failure.fault()).isEqualTo(Fault.PLATFORM);
        assertThat(before.await(Duration.ZERO)).isEmpty();
        before.signal(Signal.TERM);
        assertThat(before.await(PATIENCE).orElseThrow().exitStatus())
            .contains(new Signalled(Signal.TERM, false));
        int failed = 0;
        for (int free = 1; free <= 20; free++) { // the job that ended left some
          Deque<Integer> rest = takeAll();
          rest.addAll(taken);
          taken = rest;
          for (int i = 0; i < free; i++) {
            Libc.close(taken.pop());
          }
          failed += started(governor, free) ? 0 : 1;
        }
        SecondJvm.tell(failed + " of 20 failed");
        assertThat(failed).isLessThan(20); // without a group one descriptor is enough
        taken.forEach(Libc::close);
        assertNothingLeft(governor, descriptors);
      }
      assertThat(LinuxHost.cgroupsNamed(args[0])).isEmpty();
    }

    /** With few descriptors it runs, and the receipt is true of it, or the platform is to blame. */
    private static boolean started(Governor governor, int free) throws Exception {
      try {
        StartedJob job = governor.start(Workload.of("sh", "-c", "exit 7").limits(LIMITS));
        job.receipt()
            .limits()
            .forEach(
                each ->
                    assertThat(each.readBack().isPresent())
                        .isEqualTo(each.status() == Status.APPLIED));
        assertThat(job.await().exitStatus()).as("with %d", free).contains(new Exited(7));
        return true;
      } catch (StartFailedException e) {
        StartFailure failure = ((NeverStarted) e.result().ending()).failure();
        assertThat(failure.errno()).as("with %d: %s", free, failure).contains("EMFILE");
        assertThat(failure.fault()).isEqualTo(Fault.PLATFORM);
        return false;
      }
    }

    private static Deque<Integer> takeAll() {
      Deque<Integer> taken = new ArrayDeque<>();
      try {
        while (true) {
          taken.push(Libc.open("/dev/null", Libc.O_RDONLY));
        }
      } catch (ErrnoException full) {
        assertThat(Errno.name(full.errno())).isEqualTo("EMFILE");
        return taken;
      }
    }
  }

  @Test
  void start_noMoreDescriptors_failsTypedAndDescriptorsRecover() throws Exception {
    LinuxHost.assumeProgram("prlimit");
    SecondJvm.of(Descriptors.class, NAME).by("prlimit", "--nofile=256:256").succeed();
  }

  static final class Watching {
    public static void main(String[] args) {
      assertRefused(args[0]);
      int descriptors = HeldDescriptors.count();
      for (int i = 0; i < 3; i++) {
        assertRefused(args[0]);
      }
      assertThat(HeldDescriptors.count()).isEqualTo(descriptors);
    }

    private static void assertRefused(String name) {
      assertThatThrownBy(() -> LinuxGovernor.builder().directoryName(name).open())
          .isInstanceOf(HostUnsupportedException.class)
          .hasMessageContaining("ENOSPC");
    }
  }

  @Test
  void open_noRoomToWatchInTheKernel_isRefusedAndLeavesNoDescriptor() throws Exception {
    LinuxHost.assumeProgram("strace");
    String fault = "inject=epoll_ctl:error=ENOSPC";
    SecondJvm.of(Watching.class, NAME)
        .by("strace", "-f", "-qq", "-e", "trace=epoll_ctl", "-e", fault, "-o", "/dev/null")
        .succeed();
  }

  static final class Detaching {
    public static void main(String[] args) throws Exception {
      for (int round = 0; round < 2; round++) { // at first with all that it wants
        try (Governor governor = LinuxGovernor.builder().directoryName(args[0]).open()) {
          StartedJob job = governor.start(Workload.of("sleep", "600").limits(Descriptors.LIMITS));
          Deque<Integer> taken = round == 0 ? new ArrayDeque<>() : Descriptors.takeAll();
          JobResult result = job.detach();
          String why = listing();
          taken.forEach(Libc::close);

          assertThat(result.verdict()).isEqualTo(Verdict.DETACHED_WORKLOAD_CONTINUES);
          assertThat(result.receipt().limits()).hasSize(2);
          for (LimitOutcome each : result.receipt().limits()) {
            assertThat(each.status()).isEqualTo(Status.APPLIED);
            assertThat(each.errno().orElse("")).isEqualTo(round == 0 ? "" : "EMFILE");
          }
          assertThat(why).isEqualTo(round == 0 ? "" : "EMFILE");
          StartedJob again = (StartedJob) governor.recover().jobs().get(0);
          again.kill();
          again.await(PATIENCE).orElseThrow();
        }
        RunContract.awaitWatchers(0); // it still reaps, and gives a descriptor back
      }
      assertThat(LinuxHost.cgroupsNamed(args[0])).isEmpty();
    }

    private static String listing() {
      try {
        CgroupFiles.kernel().subdirectories("/proc/self"); // which has some
        return "";
      } catch (ErrnoException e) {
        return e.name();
      }
    }
  }

  @Test
  void detach_noMoreDescriptors_callsNoLimitLostThatItCannotRead() throws Exception {
    assumeTrue(LinuxHost.root(), "needs root to have limits in force");
    LinuxHost.assumeProgram("prlimit");
    SecondJvm.of(Detaching.class, NAME).by("prlimit", "--nofile=256:256").succeed();
  }

  /** What {@code start} frees for the pidfd goes to another thread. */
  static final class Thief implements Runnable {
    private final String wanted;
    private volatile boolean over;
    private volatile OptionalInt stolen = OptionalInt.empty();

    Thief(int wanted) {
      this.wanted = "/proc/self/fd/" + wanted;
    }

    @Override
    public void run() {
      while (!over && Libc.access(wanted, Libc.F_OK) != 0) {
        Thread.onSpinWait();
      }
      while (!over && stolen.isEmpty()) {
        try {
          stolen = OptionalInt.of(Libc.open("/dev/null", Libc.O_RDONLY));
        } catch (ErrnoException notYet) {
          Thread.onSpinWait();
        }
      }
    }

    /** A job that runs while there was no descriptor for its pidfd, if that came to be. */
    static Optional<StartedJob> rob(Governor governor, int last) throws Exception {
      Thief thief = new Thief(last);
      Thread thread = new Thread(thief);
      thread.start();
      Optional<StartedJob> job = Optional.empty();
      try {
        job = Optional.of(governor.start(Workload.of("sleep", "600")));
      } catch (StartFailedException stolenTooEarly) {
        assertThat(stolenTooEarly).hasMessageContaining("EMFILE");
      }
      thief.over = true;
      thread.join();
      thief.stolen.ifPresent(Libc::close);
      if (job.isPresent() && !job.get().onExit().isDone()) {
        job.get().kill();
        job.get().signal(Signal.KILL);
        job.get().await(PATIENCE).orElseThrow();
        return Optional.empty();
      }
      return job;
    }

    public static void main(String[] args) throws Exception {
      try (Governor governor = LinuxGovernor.builder().base("/no/such/cgroup").open()) {
        descriptorsWhenIdle(governor);
        Deque<Integer> taken = Descriptors.takeAll();
        int last = taken.pop();
        Libc.close(last);
        Optional<StartedJob> robbed = Optional.empty();
        for (int i = 0; i < 1_000 && robbed.isEmpty(); i++) {
          robbed = rob(governor, last);
        }
        taken.forEach(Libc::close);
        if (robbed.isEmpty()) {
          SecondJvm.tell("never");
          return;
        }
        StartedJob job = robbed.get();
        assertThat(job.await().verdict()).isEqualTo(Verdict.DETACHED_WORKLOAD_CONTINUES);
        ProcessHandle.of(job.pid()).orElseThrow().destroyForcibly();
        RunContract.soon().until(() -> JobTree.state(job.pid()).equals(Optional.of('Z')));
        governor.run(Workload.of("true"));
        RunContract.soon().until(() -> JobTree.state(job.pid()).isEmpty());
        SecondJvm.tell("reaped");
      }
    }
  }

  @Test
  void start_noDescriptorForItsPidfd_childIsReapedAfterTheNextEnd() throws Exception {
    LinuxHost.assumeProgram("prlimit");
    SecondJvm.Launch launch = SecondJvm.of(Thief.class, NAME).by("prlimit", "--nofile=256:256");
    try (SecondJvm jvm = launch.start()) {
      Optional<String> told = jvm.hearOrEnd("");
      assumeTrue(!told.equals(Optional.of("never")), "no start was robbed");
      assertThat(jvm.awaitEnd()).as("exit of %s", jvm).isZero();
      assertThat(told).contains("reaped");
    }
  }

  static final class Heap {
    private static final int JOBS = 40;

    public static void main(String[] args) throws Exception {
      try (Governor governor = LinuxGovernor.builder().directoryName(args[0]).open()) {
        governor.run(Workload.of("true")); // loads what is needed
        List<StartedJob> jobs = new ArrayList<>();
        for (int i = 0; i < JOBS; i++) {
          jobs.add(governor.start(Workload.of("sleep", i % 2 == 0 ? "0.6" : "0.9")));
        }
        assertThat(filledUntil(System.nanoTime() + 2_500_000_000L)).isPositive();
        for (StartedJob each : jobs) {
          assertThat(each.await(PATIENCE).orElseThrow().exitStatus()).contains(new Exited(0));
        }
        assertThat(governor.jobs()).isEmpty();
        assertThat(governor.run(Workload.of("true")).exitStatus()).contains(new Exited(0));
      }
      RunContract.awaitWatchers(0);
      assertThat(ProcessHandle.current().children()).isEmpty();
      assertThat(LinuxHost.cgroupsNamed(args[0])).isEmpty();
      SecondJvm.tell("all told");
    }

    /** Takes every bit of the heap that comes free, and gives all of it back at the end. */
    private static int filledUntil(long end) {
      Object[] taken = new Object[1 << 16];
      int count = 0;
      for (int size = 1 << 20; System.nanoTime() < end && count < taken.length; ) {
        try {
          taken[count] = new byte[size];
          count++;
        } catch (OutOfMemoryError full) {
          size = Math.max(size / 2, 256);
        }
      }
      return count;
    }
  }

  @Test
  void heap_fullWhileJobsEnd_losesNoEnd() throws Exception {
    try (SecondJvm jvm = SecondJvm.of(Heap.class, NAME + "-heap").start()) {
      assertThat(jvm.awaitEnd()).as("exit of %s", jvm).isZero();
      jvm.hear("all told");
    }
  }

  static final class Logger {
    public static void main(String[] args) throws Exception {
      Governor governor = LinuxGovernor.builder().directoryName(args[0]).open();
      governor.run(Workload.of("true"));
      System.setErr(
          new PrintStream(OutputStream.nullOutputStream()) {
            @Override
            public void println(String line) {
              throw new IllegalStateException("no room for the log");
            }
          });
      assertThat(governor.run(Workload.of("true")).exitStatus()).contains(new Exited(0));
      StartedJob job = governor.start(Workload.of("sleep", "600"));
      assertThat(job.detach().verdict()).isEqualTo(Verdict.DETACHED_WORKLOAD_CONTINUES);
      assertThat(governor.jobs()).isEmpty();
      governor.close();
      ProcessHandle.of(job.pid()).orElseThrow().destroyForcibly();
      RunContract.awaitWatchers(0);
      assertThat(LinuxHost.cgroupsNamed(args[0])).isEmpty();
    }
  }

  @Test
  void logger_thatThrows_keepsNobodyWaiting() throws Exception {
    SecondJvm.of(Logger.class, NAME + "-logger").succeed();
  }
}
