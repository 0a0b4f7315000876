package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Evidence.OomCause;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.ExitStatus.Signalled;
import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.ResourceUsage;
import io.ffrtmp.governance.ResourceUsage.Counter;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.CpuShare.Pause;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Limits hold real workloads. Hogs run only with their limits required, so that none runs free. */
@Tag("kernel")
class LimitsBiteKernelTest extends RunContract {
  private static final long MIB = 1 << 20;

  @Test
  void memoryMax_exceeded_killsTheHogByItsOwnLimit() throws Exception {
    assumeTrue(tree.has("memory"), "needs the memory controller");
    assumeNoSwap();
    Workload hog = Workload.of("tail", "/dev/zero").limits(memory(48)).limitsRequired(true);
    JobResult result = governor.run(hog.jobId("hog"));

    assertThat(result.exitStatus()).contains(new Signalled(Signal.KILL, false));
    assertDiedOfItsOwnLimit(result, 48 * MIB);
    assertNoGroupSoon("hog");
  }

  @Test
  void memoryMax_ofAFewPages_isTheWorkloadsOwnEnd_whereverItBites() throws Exception {
    assumeTrue(tree.has("memory"), "needs the memory controller");
    assumeNoSwap();
    Capability spawn = governor.host().capability("spawn").orElseThrow();
    assumeTrue(spawn.detail().startsWith("held at a gate"), "born there, it gets no memory at all");
    Limits few = Limits.NONE.memoryMaxBytes(4096);
    for (int i = 0; i < 200; i++) { // at the gate, in its shell, or beyond
      JobResult result = governor.run(Workload.of("/bin/true").limits(few));
      assertThat(result.verdict()).isEqualTo(Verdict.WORKLOAD_FAILED_PLATFORM_OK);
      assertThat(result.exitStatus()).contains(new Signalled(Signal.KILL, false));
      assertThat(result.evidence().oomKilledBy()).contains(OomCause.OWN_LIMIT);
    }
  }

  @Test
  void memoryMax_stressorExceedsIt_isTheStressorsOwnFailure() throws Exception {
    assumeTrue(tree.has("memory"), "needs the memory controller");
    assumeNoSwap();
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/stress-ng")), "needs stress-ng");
    // It starts its hog again after each kill, until it is killed itself.
    Workload stressor =
        Workload.of("stress-ng", "--vm", "1", "--vm-bytes", "256M", "--vm-keep")
            .limits(memory(64))
            .limitsRequired(true)
            .directory(dir);
    StartedJob job = governor.start(stressor.jobId("stressor"));
    soon().until(() -> oomKills("stressor") > 0);
    job.kill();
    assertDiedOfItsOwnLimit(job.await(), 64 * MIB);
  }

  private long oomKills(String id) throws IOException {
    return tree.stat("memory", id, "memory.events", "memory.oom_control", "oom_kill");
  }

  private static void assertDiedOfItsOwnLimit(JobResult result, long limit) {
    assertThat(result.evidence().oomKilledBy()).contains(OomCause.OWN_LIMIT);
    assertThat(result.verdict()).isEqualTo(Verdict.WORKLOAD_FAILED_PLATFORM_OK);
    assertThat(result.verdict().compliant()).isTrue();
    assertThat(result.usage().get(Counter.OOM_KILLS).orElseThrow()).isPositive();
    assertThat(result.usage().get(Counter.MEMORY_PEAK_BYTES).orElseThrow())
        .isBetween(limit * 9 / 10, limit);
  }

  @Test
  void memoryMax_ofAGroupAboveTheJob_isThePlatformsFault() throws Exception {
    assumeTrue(tree.has("memory"), "needs the memory controller");
    assumeNoSwap();
    String parent = name + "-parent";
    JobTree parents = new JobTree(parent);
    tree.make(parent);
    try {
      Path file = parents.file("memory", "", "memory.max", "memory.limit_in_bytes");
      Files.writeString(file, Long.toString(32 * MIB));
      Workload hog = Workload.of("tail", "/dev/zero").limits(memory(256)).limitsRequired(true);
      JobResult result = openAt(parent, LinuxGovernor.builder()).run(hog);

      assertThat(result.exitStatus()).contains(new Signalled(Signal.KILL, false));
      assertThat(result.evidence().oomKilledBy()).contains(OomCause.ABOVE);
      assertThat(result.verdict()).isEqualTo(Verdict.PLATFORM_OUT_OF_MEMORY);
    } finally {
      tree.remove(parent);
    }
  }

  private static void assumeNoSwap() throws IOException {
    boolean none = Files.readString(Path.of("/proc/swaps")).lines().count() <= 1;
    assumeTrue(none, "with swap the hog would fill that first");
  }

  @Test
  void cpuMax_busyLoop_getsItsShareAndIsThrottled() throws Exception {
    assumeTrue(tree.has("cpu"), "needs the cpu controller");
    Limits quarter = Limits.NONE.cpuMax(new CpuMax(5_000, 20_000)).cpuWeight(10_000);
    StartedJob job = governor.start(Workload.of("sh", "-c", BUSY[2]).limits(quarter).jobId("busy"));
    // A busy host must not starve it: a ceiling is no promise.
    Path weight = tree.file("cpu", "", "cpu.weight", "cpu.shares");
    Files.writeString(weight, tree.unified("cpu") ? "10000" : "262144");
    runFor(job, Duration.ofMillis(300)); // past the gate and the first period, which gives twice

    Pause window = () -> runFor(job, Duration.ofMillis(2_500));
    long throttledBefore = tree.stat("cpu", "busy", "cpu.stat", "cpu.stat", "nr_throttled");
    CpuShare.assertShare(0.25, () -> tree.cpuTime("busy").toNanos(), window);
    CpuShare.assertShare(0.25, () -> 1000 * cpuMicros(job.usage()), window);
    long throttled = tree.stat("cpu", "busy", "cpu.stat", "cpu.stat", "nr_throttled");
    Duration kernels = tree.cpuTime("busy");
    job.kill();
    JobResult result = job.await();

    Duration whole = Duration.of(cpuMicros(result.usage()), ChronoUnit.MICROS);
    assertThat(whole).isGreaterThanOrEqualTo(kernels.truncatedTo(ChronoUnit.MICROS));
    assertThat((double) whole.toNanos() / result.processingTime().toNanos()).isLessThan(0.275);
    assertThat(throttled - throttledBefore).isGreaterThan(100);
    assertThat(result.usage().get(Counter.CPU_THROTTLED_PERIODS).orElseThrow())
        .isGreaterThanOrEqualTo(throttled);
    assertThat(result.usage().get(Counter.CPU_PERIODS).orElseThrow()).isGreaterThan(15);
    assertThat(result.usage().get(Counter.CPU_THROTTLED_USEC).orElseThrow()).isGreaterThan(500_000);
  }

  private static long cpuMicros(ResourceUsage usage) {
    return usage.get(Counter.CPU_USER_USEC).orElseThrow()
        + usage.get(Counter.CPU_SYSTEM_USEC).orElseThrow();
  }

  @Test
  void cpuWeight_oneToThreeOnOneCpu_sharesOneToThree() throws Exception {
    assumeTrue(tree.has("cpu"), "needs the cpu controller");
    StartedJob light = governor.start(pinned().limits(Limits.NONE.cpuWeight(100)).jobId("light"));
    StartedJob heavy = governor.start(pinned().limits(Limits.NONE.cpuWeight(300)).jobId("heavy"));
    soon().until(() -> tree.cpuTime("light").compareTo(Duration.ofMillis(100)) > 0);
    soon().until(() -> tree.cpuTime("heavy").compareTo(Duration.ofMillis(100)) > 0);

    Shared from = shared();
    Shared to = from;
    while (to.heavy - from.heavy < 3e9) { // however long that takes on a busy host
      runFor(light, Duration.ofMillis(500));
      to = shared();
    }
    light.kill();
    heavy.kill();

    double used = to.heavy - from.heavy;
    assertThat(used / (to.lightAfter - from.lightBefore)).as("at least").isLessThanOrEqualTo(3.3);
    assertThat(used / (to.lightBefore - from.lightAfter)).as("at most").isGreaterThanOrEqualTo(2.7);
  }

  /** CPU nanoseconds of both; of the light one before and after the other was read. */
  private record Shared(long lightBefore, long heavy, long lightAfter) {}

  private Shared shared() throws IOException {
    long before = tree.cpuTime("light").toNanos();
    long heavy = tree.cpuTime("heavy").toNanos();
    return new Shared(before, heavy, tree.cpuTime("light").toNanos());
  }

  private static Workload pinned() {
    String cpu = LinuxHost.field("self", "Cpus_allowed_list").orElseThrow().split("[-,]")[0];
    return Workload.of("taskset", "-c", cpu, BUSY[0], BUSY[1], BUSY[2]);
  }

  @Test
  void ioMax_directReads_areAsSlowAsTheLimit() throws Exception {
    assumeTrue(tree.has("io"), "needs the blkio or io controller");
    int[] device = wholeDisk();
    Path data = Files.write(dir.resolve("data"), new byte[(int) (8 * MIB)]);
    Workload read =
        Workload.of("dd", "if=" + data, "of=/dev/null", "bs=1M", "iflag=direct").directory(dir);
    JobResult flush = governor.run(Workload.of("sync", data.toString()));
    assertThat(flush.exitStatus()).contains(new Exited(0));

    Duration free = quickest(read, Duration.ofMillis(900));
    assumeTrue(free.toMillis() < 900, "the disk is not faster than the limit: " + free);

    IoMax byNumber = IoMax.device(device[0], device[1]).readBytesPerSecond(4 * MIB);
    IoMax byPath = IoMax.path(dir).readBytesPerSecond(4 * MIB);
    for (IoMax max : new IoMax[] {byNumber, byPath}) {
      Duration most = Duration.ofMillis(2_400L * LinuxHost.SLOWNESS);
      Workload slow = read.limits(Limits.NONE.ioMax(max));
      assertThat(quickest(slow, most)).as(max.toString()).isLessThan(most);
    }
  }

  /** The least time that it takes: other load on the disk only adds to it. */
  private Duration quickest(Workload read, Duration enough) throws Exception {
    Duration quickest = Duration.ofDays(1);
    for (int i = 0; i < 5 && quickest.compareTo(enough) >= 0; i++) {
      JobResult result = governor.run(read);
      assertThat(result.exitStatus()).contains(new Exited(0));
      if (!read.limits().isEmpty()) {
        assertReadWithinLimits(result);
      }
      Duration time = result.processingTime();
      quickest = time.compareTo(quickest) < 0 ? time : quickest;
    }
    return quickest;
  }

  private static void assertReadWithinLimits(JobResult result) {
    assertThat(result.receipt().limits())
        .singleElement()
        .satisfies(each -> assertThat(each.status().inForce()).as(each.toString()).isTrue());
    assertThat(result.verdict()).isEqualTo(Verdict.COMPLETED_WITHIN_LIMITS);
    assertThat(result.processingTime()).isGreaterThanOrEqualTo(Duration.ofMillis(1_800));
    assertThat(result.usage().get(Counter.IO_READ_BYTES).orElseThrow()).isBetween(8 * MIB, 9 * MIB);
  }

  /** The disk that the test's directory lies on, by what sysfs tells. */
  private int[] wholeDisk() throws IOException {
    long dev = (Long) Files.getAttribute(dir, "unix:dev");
    long major = (dev >> 8) & 0xfff;
    long minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);
    Path block = Path.of("/sys/dev/block", major + ":" + minor);
    assumeTrue(major != 0 && Files.exists(block), "needs a temporary directory on a disk");
    Path device = block.toRealPath();
    assumeTrue(!Files.exists(device.resolve("slaves")) || isEmpty(device), "needs a plain disk");
    Path disk = Files.exists(device.resolve("partition")) ? device.getParent() : device;
    String[] number = Files.readString(disk.resolve("dev")).strip().split(":");
    return new int[] {Integer.parseInt(number[0]), Integer.parseInt(number[1])};
  }

  private static boolean isEmpty(Path device) throws IOException {
    try (var slaves = Files.list(device.resolve("slaves"))) {
      return slaves.findAny().isEmpty();
    }
  }

  @Test
  void usage_busyJob_risesWhileItRuns() throws Exception {
    StartedJob job = governor.start(Workload.of("sh", "-c", BUSY[2]).limits(memory(64)));
    long first = cpuMicros(job.usage());
    soon().until(() -> cpuMicros(job.usage()) > first + 100_000);
    assertThat(job.usage().get(Counter.MEMORY_CURRENT_BYTES).orElseThrow()).isPositive();
    assertThat(job.receipt().limits()).allMatch(each -> each.status() == Status.APPLIED);
    job.kill();
    JobResult result = job.await();
    assertThat(job.usage()).isEqualTo(result.usage());
    assertThat(job.receipt()).isEqualTo(result.receipt());
  }

  @Test
  void usage_unified_knowsEveryCounter() throws Exception {
    assumeTrue(tree.unified("memory") && tree.has("io"), "cgroup v1 counts no pressure");
    wholeDisk();
    boolean pressure = Files.isReadable(Path.of("/proc/pressure/cpu"));
    String write = "dd if=/dev/zero of=data bs=1M count=2 oflag=direct";
    String read = "dd if=data of=/dev/null bs=1M iflag=direct";
    Limits limits = memory(64).cpuMax(CpuMax.cores(0.5));
    JobResult result = governor.run(sh(write + " && " + read).limits(limits));
    assertThat(result.exitStatus()).contains(new Exited(0));
    for (Counter each : Counter.values()) {
      boolean expected = pressure || !each.name().contains("PRESSURE");
      assertThat(result.usage().get(each).isPresent()).as(each.name()).isEqualTo(expected);
    }
    assertThat(result.usage().get(Counter.MEMORY_PEAK_BYTES).orElseThrow()).isPositive();
    assertThat(result.usage().get(Counter.IO_READ_BYTES).orElseThrow())
        .isGreaterThanOrEqualTo(2 * MIB);
    assertThat(result.usage().get(Counter.IO_WRITE_BYTES).orElseThrow())
        .isGreaterThanOrEqualTo(2 * MIB);
  }
}
