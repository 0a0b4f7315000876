package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.AttachRefusedException;
import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Ending.NeverStarted;
import io.ffrtmp.governance.ExitStatus;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.ExitStatus.Signalled;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Moved;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartFailedException;
import io.ffrtmp.governance.StartFailure;
import io.ffrtmp.governance.StartFailure.Fault;
import io.ffrtmp.governance.StartFailure.Step;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Stdio;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.libc.Libc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A user with no privilege and no cgroup of its own; each test in a JVM of that user. */
@Tag("kernel")
class UnprivilegedKernelTest {
  private static final int NOBODY = 65_534;
  private static final int GROUPED = 42;

  /** The same in the JVM of the test and in those that it starts. */
  private static final String NAME =
      System.getProperty("test.name", "ffrtmp-nobody-" + ProcessHandle.current().pid());

  private static final List<String> BUSY = List.of("sh", "-c", "while :; do :; done");

  /** CPU time of two busy jobs that tells how they share. */
  private static final int MEASURED_TICKS = 150;

  @TempDir Path dir;

  private static Governor open() {
    return LinuxGovernor.builder().directoryName(NAME).open();
  }

  private SecondJvm.Launch asNobody(Class<?> main) {
    return SecondJvm.of(main, dir).with("test.name", NAME).as(NOBODY);
  }

  @BeforeEach
  void assumeNoGroups() throws Exception {
    Files.setPosixFilePermissions(dir, PosixFilePermissions.fromString("rwxrwxrwx"));
    try (SecondJvm jvm = asNobody(Privilege.class).start()) {
      int exit = jvm.awaitEnd();
      assumeTrue(exit != GROUPED, "this user has a cgroup of its own");
      assertThat(exit).as("%s", jvm).isZero();
    }
  }

  @AfterEach
  void nothingIsMade() {
    assertThat(LinuxHost.cgroupsNamed(NAME)).isEmpty();
  }

  /** Whether there is any, after all. */
  static final class Privilege {
    public static void main(String[] args) throws Exception {
      assertThat(LinuxHost.root()).isFalse();
      assertThat(LinuxHost.field("self", "CapEff")).contains("0".repeat(16));
      try (Governor governor = open()) {
        Limits limits = Limits.NONE.memoryMaxBytes(64 << 20);
        boolean held = governor.run(Workload.of("true").limits(limits)).receipt().allInForce();
        System.exit(held ? GROUPED : 0);
      }
    }
  }

  static final class WithoutLimits {
    public static void main(String[] args) throws Exception {
      Path output = Path.of(args[0], "out");
      try (Governor governor = open()) {
        JobResult result = governor.run(Workload.of("id", "-u").stdout(Stdio.truncate(output)));
        assertThat(result.verdict()).isEqualTo(Verdict.SUCCESS);
        String user = LinuxHost.field("self", "Uid").orElseThrow().split("\t")[0];
        assertThat(output).hasContent(user + "\n");
        assertThat(governor.run(Workload.of("false")).exitStatus()).contains(new Exited(1));
        StartedJob job = governor.start(Workload.of("sleep", "60"));
        assertThat(job.kill()).isEmpty();
        assertThat(job.await().verdict()).isEqualTo(Verdict.WORKLOAD_FAILED_PLATFORM_OK);
        assertThat(governor.host().supported()).isTrue();
      }
    }
  }

  @Test
  void job_withoutLimits_runsAndSucceeds() throws Exception {
    asNobody(WithoutLimits.class).succeed();
  }

  static final class SmallWeight {
    public static void main(String[] args) throws Exception {
      try (Governor governor = open()) {
        assertThat(share(governor, Limits.NONE)).as("share unweighted").isBetween(0.3, 0.7);
        assertThat(share(governor, Limits.NONE.cpuWeight(1))).as("share of 1").isLessThan(0.1);
        JobResult result = substituted(governor, Workload.of("true"), 50).await();
        assertThat(result.verdict()).isEqualTo(Verdict.COMPLETED_DEGRADED);
      }
    }
  }

  @Test
  void weight_below100_isSubstitutedByNicenessThatBites() throws Exception {
    LinuxHost.assumeProgram("taskset");
    asNobody(SmallWeight.class).succeed();
  }

  @Test
  void weight_asRootWithoutABase_isSubstitutedByNicenessThatBites() throws Exception {
    assumeTrue(LinuxHost.root(), "needs root, who may raise a weight");
    LinuxHost.assumeProgram("taskset");
    try (Governor governor = LinuxGovernor.builder().base("/no/such/cgroup").open()) {
      assertThat(share(governor, Limits.NONE.cpuWeight(1))).as("share of 1").isLessThan(0.1);
      assertThat(share(governor, Limits.NONE.cpuWeight(1_000))).as("of 1000").isGreaterThan(0.7);
    }
  }

  /** What a busy job with these limits gets of a CPU that it shares with one without. */
  private static double share(Governor governor, Limits limits) throws Exception {
    String cpu = LinuxHost.field("self", "Cpus_allowed_list").orElseThrow().split("[-,]")[0];
    Workload busy = Workload.of("taskset", "-c", cpu, BUSY.get(0), BUSY.get(1), BUSY.get(2));
    StartedJob other = governor.start(busy);
    StartedJob measured = null;
    try {
      measured =
          limits.cpuWeight().isPresent()
              ? substituted(governor, busy, limits.cpuWeight().getAsInt())
              : governor.start(busy.limits(limits));
      awaitBusy(other);
      awaitBusy(measured);
      long otherBefore = LinuxHost.cpuTicks(other.pid());
      long before = LinuxHost.cpuTicks(measured.pid());
      double got = 0;
      double both = 0;
      while (both < MEASURED_TICKS) { // however long that takes on a busy host
        assertThat(measured.await(Duration.ofMillis(500))).isEmpty();
        got = LinuxHost.cpuTicks(measured.pid()) - before;
        both = got + LinuxHost.cpuTicks(other.pid()) - otherBefore;
      }
      return got / both;
    } finally {
      other.kill();
      if (measured != null) {
        measured.kill();
      }
    }
  }

  /** Until it loops: taskset has become the shell. */
  private static void awaitBusy(StartedJob job) {
    await()
        .atMost(Duration.ofSeconds(30))
        .until(() -> LinuxHost.commandLine((int) job.pid()).equals(BUSY));
  }

  /**
   * Starts a job with this weight, which must be substituted and read back. The kernel takes one
   * autogroup's niceness in 0.1 s from all ordinary users together: others may come first.
   */
  private static StartedJob substituted(Governor governor, Workload workload, int weight)
      throws Exception {
    for (int attempt = 0; attempt < 50; attempt++) {
      StartedJob job = governor.start(workload.limits(Limits.NONE.cpuWeight(weight)));
      LimitOutcome outcome = job.receipt().limits().get(0);
      if (!outcome.errno().equals(Optional.of("EAGAIN"))) {
        assertThat(outcome.status()).as("%s", outcome).isEqualTo(Status.SUBSTITUTED);
        assertThat(outcome.cure()).isPresent();
        assertThat(outcome.readBack())
            .contains(readBack(job.pid()).orElse(outcome.readBack().get()));
        return job;
      }
      job.kill();
      job.await();
    }
    throw new AssertionError("the kernel took no autogroup's niceness in 50 attempts");
  }

  /** Its niceness and that of its autogroup, as a receipt has them; empty if it has ended. */
  private static Optional<String> readBack(long pid) {
    Optional<String> niceness = LinuxHost.stat(pid, 19).map(nice -> "nice " + nice);
    if (!LinuxHost.autogroups() || niceness.isEmpty()) {
      return niceness;
    }
    return LinuxHost.read(Path.of("/proc/" + pid + "/autogroup"))
        .map(autogroup -> niceness.get() + ", " + autogroup.strip());
  }

  static final class LargeWeight {
    public static void main(String[] args) throws Exception {
      try (Governor governor = open()) {
        for (int weight : new int[] {200, 10_000}) {
          Workload workload = Workload.of("sleep", "60").limits(Limits.NONE.cpuWeight(weight));
          StartedJob job = governor.start(workload);
          LimitOutcome outcome = job.receipt().limits().get(0);
          assertThat(outcome.status()).as("%s", outcome).isEqualTo(Status.DENIED);
          assertThat(outcome.errno().orElse("none")).isIn("EPERM", "EACCES");
          assertThat(outcome.get(Detail.WRITTEN)).isEmpty();
          assertThat(outcome.cure()).isPresent();
          assertThat(readBack(job.pid()).orElseThrow()).startsWith("nice 0").endsWith("nice 0");
          job.kill();
          assertThat(job.await().verdict()).isEqualTo(Verdict.LIMITS_NOT_ENFORCED);
        }
      }
    }
  }

  @Test
  void weight_above100_isDeniedWithErrnoAndCure() throws Exception {
    asNobody(LargeWeight.class).succeed();
  }

  static final class NicedJvm {
    public static void main(String[] args) throws Exception {
      Path thread = Path.of("/proc/thread-self").toRealPath();
      Libc.setpriority(Integer.parseInt(thread.getFileName().toString()), 10);
      try (Governor governor = open()) {
        StartedJob job =
            governor.start(Workload.of("sleep", "60").limits(Limits.NONE.cpuWeight(50)));
        LimitOutcome outcome = job.receipt().limits().get(0);
        assertThat(outcome.status()).as("%s", outcome).isEqualTo(Status.DENIED);
        assertThat(outcome.errno().orElse("none")).isIn("EPERM", "EACCES");
        assertThat(outcome.cure().orElseThrow()).contains("below our own");
        String told = "nice 10" + outcome.readBack().map(autogroup -> ", " + autogroup).orElse("");
        assertThat(readBack(job.pid())).contains(told);
        job.kill();
        job.await();
      }
    }
  }

  @Test
  void weight_belowANicedJvms_isDeniedAndWhatItsAutogroupHasIsTold() throws Exception {
    asNobody(NicedJvm.class).succeed();
  }

  private static final Limits OTHERS =
      Limits.NONE
          .cpuMax(CpuMax.cores(0.5))
          .memoryMaxBytes(64 << 20)
          .ioMax(IoMax.path(Path.of("/")).readBytesPerSecond(1 << 20));

  static final class OtherLimits {
    public static void main(String[] args) throws Exception {
      Path output = Path.of(args[0], "out");
      try (Governor governor = open()) {
        Workload workload = Workload.of("echo", "ran").limits(OTHERS);
        JobResult result = governor.run(workload.stdout(Stdio.truncate(output)));
        assertThat(output).hasContent("ran\n");
        assertThat(result.receipt().limits())
            .hasSize(3)
            .allSatisfy(
                each -> {
                  assertThat(each.status()).isIn(Status.DENIED, Status.UNSUPPORTED);
                  assertThat(each.cure()).isPresent();
                });
        assertThat(result.verdict()).isEqualTo(Verdict.LIMITS_NOT_ENFORCED);
        assertThat(result.exitStatus()).contains(new Exited(0));
      }
    }
  }

  @Test
  void limits_otherThanWeight_areRefusedWithACureAndTheJobRuns() throws Exception {
    asNobody(OtherLimits.class).succeed();
  }

  /** Tells the cure of a limit that is denied, and what becomes of it in a given base. */
  static final class Given {
    public static void main(String[] args) throws Exception {
      Workload workload = Workload.of("true").limits(OTHERS);
      try (Governor closed = LinuxGovernor.builder().base("/").open()) {
        Capability memory = closed.host().capability("memory.max").orElseThrow();
        assertThat(memory.state()).as("%s", memory).isEqualTo(Capability.State.NO);
        assertThat(memory.cure().orElseThrow()).contains("chown -R USER CGROUP");
      }
      try (Governor governor = open();
          Governor cured = LinuxGovernor.builder().base(args[1]).directoryName(NAME).open()) {
        assertThat(governor.run(workload).receipt().limits())
            .allMatch(each -> each.cure().orElseThrow().contains("chown -R USER CGROUP"))
            .noneMatch(each -> each.cure().orElseThrow().contains("Delegate="));
        assertThat(cured.run(workload).receipt().allInForce()).isTrue();
      }
    }
  }

  @Test
  void limits_onV1_areHadInACgroupThatRootGave_asTheCureSays() throws Exception {
    assumeTrue(LinuxHost.root(), "needs root to give a cgroup");
    List<Path> trees = LinuxHost.jobHierarchies();
    assumeTrue(trees.size() > 1, "needs cgroup v1");
    String name = NAME + "-given";
    try {
      for (Path tree : trees) {
        String given = Files.createDirectory(tree.resolve(name)).toString();
        Process chown = new ProcessBuilder("chown", "-R", "" + NOBODY, given).start();
        assertThat(chown.waitFor()).isZero();
      }
      SecondJvm.of(Given.class, dir, "/" + name).with("test.name", NAME).as(NOBODY).succeed();
    } finally {
      for (Path tree : trees) {
        Files.deleteIfExists(tree.resolve(name));
      }
    }
  }

  static final class Required {
    public static void main(String[] args) throws Exception {
      Path output = Path.of(args[0], "out");
      try (Governor governor = open()) {
        for (Limits limits : List.of(OTHERS, Limits.NONE.cpuWeight(50))) {
          Workload workload =
              Workload.of("echo", "ran")
                  .jobId("required")
                  .limits(limits)
                  .limitsRequired(true)
                  .stdout(Stdio.append(output));
          JobResult result =
              catchThrowableOfType(StartFailedException.class, () -> governor.run(workload))
                  .result();
          assertThat(result.verdict()).isEqualTo(Verdict.PLATFORM_START_FAILED);
          StartFailure failure = ((NeverStarted) result.ending()).failure();
          assertThat(failure.step()).isEqualTo(Step.LIMITS);
          assertThat(failure.fault()).isEqualTo(Fault.PLATFORM);
          assertThat(result.receipt().limits()).isNotEmpty();
          assertThat(LinuxHost.read(output).orElse("")).isEmpty();
        }
        JobResult free = governor.run(Workload.of("true").jobId("required").limitsRequired(true));
        assertThat(free.verdict()).isEqualTo(Verdict.SUCCESS);
      }
      assertThat(ProcessHandle.current().children()).isEmpty();
    }
  }

  @Test
  void limits_required_areATypedFailureToStart() throws Exception {
    asNobody(Required.class).succeed();
  }

  /** As fast as it can, until the kernel refuses the second of two. */
  static final class TooFast {
    public static void main(String[] args) throws Exception {
      try (Governor governor = open()) {
        Workload workload = Workload.of("sleep", "60").limits(Limits.NONE.cpuWeight(10));
        List<StartedJob> jobs = new ArrayList<>();
        LimitOutcome refused = null;
        for (int i = 0; i < 50 && refused == null; i++) {
          StartedJob job = governor.start(workload);
          jobs.add(job);
          LimitOutcome outcome = job.receipt().limits().get(0);
          String now = readBack(job.pid()).orElseThrow();
          if (outcome.errno().equals(Optional.of("EAGAIN"))) {
            refused = outcome;
            assertThat(now).as("niceness of %s", outcome).startsWith("nice 0").endsWith("nice 0");
          } else {
            assertThat(outcome.status()).isEqualTo(Status.SUBSTITUTED);
            assertThat(outcome.readBack()).contains(now);
          }
        }
        for (StartedJob job : jobs) {
          job.kill();
          job.await();
        }
        assertThat(refused).as("a refusal").isNotNull();
        assertThat(refused.status()).isEqualTo(Status.UNSUPPORTED);
        assertThat(refused.get(Detail.CURE).orElse("none")).contains("0.1 s");
      }
    }
  }

  @Test
  void weights_withinATenthOfASecond_areToldHonestly() throws Exception {
    assumeTrue(LinuxHost.autogroups(), "no autogroups");
    asNobody(TooFast.class).succeed();
  }

  /** Attaches to a process of its own, and to those of another user whose ids it is given. */
  static final class Attacher {
    private static final Limits LIMITS =
        Limits.NONE.cpuMax(CpuMax.cores(1)).cpuWeight(50).memoryMaxBytes(1L << 30);

    public static void main(String[] args) throws Exception {
      try (Governor governor = open()) {
        Process own = new ProcessBuilder("sh", "-c", "read end; exit 3").start();
        AttachedJob job = observed(governor, own.pid());
        own.getOutputStream().close();
        assertEnded(governor, job.await(), new Exited(3));
        List<AttachedJob> strangers = new ArrayList<>();
        for (int i = 1; i < args.length; i++) {
          strangers.add(observed(governor, Long.parseLong(args[i])));
        }
        if (strangers.isEmpty()) {
          return;
        }
        AttachedJob first = strangers.get(0);
        assertThat(first.release().verdict()).isEqualTo(Verdict.LIMITS_NOT_ENFORCED);
        Attachment again = Attachment.of(first.pid());
        assertThat(governor.attach(again).detach().verdict())
            .isEqualTo(Verdict.DETACHED_WORKLOAD_CONTINUES);
        strangers.set(0, observed(governor, first.pid()));
        SecondJvm.tell("attached");
        assertEnded(governor, strangers.get(0).await(), new Exited(0));
        assertEnded(governor, strangers.get(1).await(), new Exited(42));
        assertEnded(governor, strangers.get(2).await(), new Signalled(Signal.KILL, false));
      }
    }

    /** It lives, so it is observed; it is not ours to move, so every limit is denied. */
    private static AttachedJob observed(Governor governor, long pid) {
      Attachment attachment = Attachment.of(pid).limits(LIMITS);
      assertThat(
              catchThrowableOfType(
                      AttachRefusedException.class,
                      () -> governor.attach(attachment.limitsRequired(true)))
                  .reason())
          .isEqualTo(AttachRefusedException.Reason.LIMITS_REQUIRED);
      AttachedJob job = governor.attach(attachment);
      assertThat(job.receipt().limits()).hasSize(3);
      for (LimitOutcome each : job.receipt().limits()) {
        assertThat(each.status()).as("%s", each).isEqualTo(Status.DENIED);
        // EBUSY: on v2 we live in the same group, which could hand nothing down
        assertThat(each.errno().orElse("none")).as("%s", each).isIn("EACCES", "EPERM", "EBUSY");
        assertThat(each.cure()).as("%s", each).isPresent();
      }
      Moved moved = job.receipt().moved().orElseThrow();
      assertThat(moved.processes()).isZero();
      assertThat(moved.notMoved())
          .singleElement()
          .satisfies(it -> assertThat(it.pid()).isEqualTo(pid))
          .satisfies(it -> assertThat(it.reason()).containsAnyOf("EACCES", "EPERM", "EBUSY"));
      return job;
    }

    private static void assertEnded(Governor governor, JobResult result, ExitStatus status) {
      boolean told = LinuxHost.tellsStrangers(governor);
      if (told) {
        assertThat(result.exitStatus()).contains(status);
      } else {
        assertThat(result.exitStatus().orElseThrow())
            .isIn(status, new ExitStatus.Unknown(ExitStatus.Cause.KERNEL_TOO_OLD));
      }
      assertThat(result.verdict()).isEqualTo(Verdict.LIMITS_NOT_ENFORCED);
    }
  }

  @Test
  void attach_toItsOwnProcess_observesOnly_andSaysWhy() throws Exception {
    asNobody(Attacher.class).succeed();
  }

  /** Attaches to a process of its own in another user's group. */
  static final class Inside {
    public static void main(String[] args) throws Exception {
      try (Governor governor = open()) {
        Attacher.observed(governor, Long.parseLong(args[1])).release();
      }
    }
  }

  @Test
  void attach_toItsOwnProcessInsideAJobOfRoot_observesOnly_andSaysWhy() throws Exception {
    assumeTrue(LinuxHost.root(), "needs root, to start a job for another user");
    try (Governor governor = open()) {
      List<String> command = new ArrayList<>(SecondJvm.asUser(NOBODY));
      command.addAll(List.of("sleep", "600"));
      StartedJob job = governor.start(Workload.of(command));
      RunContract.soon()
          .until(() -> LinuxHost.field(job.pid(), "Uid").orElse("").startsWith("" + NOBODY));
      try {
        SecondJvm.of(Inside.class, dir, job.pid()).with("test.name", NAME).as(NOBODY).succeed();
      } finally {
        job.kill();
        job.await();
      }
    }
  }

  @Test
  void attach_toAnotherUsersProcess_observesOnly_andIsToldItsEnd() throws Exception {
    try (TargetUnit unit = new TargetUnit()) {
      Process zero = unit.target("read end; exit 0");
      Process other = unit.target("read end; exit 42");
      Process killed = unit.target("read end; kill -9 $$");
      Object[] pids = {dir, zero.pid(), other.pid(), killed.pid()};
      Map<String, String> before = unit.state();
      try (SecondJvm jvm =
          SecondJvm.of(Attacher.class, pids).with("test.name", NAME).as(NOBODY).start()) {
        jvm.hear("attached");
        assertThat(unit.state()).isEqualTo(before);
        for (Process each : List.of(zero, other, killed)) {
          assertThat(each.isAlive()).isTrue();
          each.getOutputStream().close();
        }
        assertThat(jvm.awaitEnd()).as("%s", jvm).isZero();
      }
    }
  }
}
