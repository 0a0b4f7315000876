package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.data.Percentage.withPercentage;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
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

    long from = System.nanoTime();
    Duration before = tree.cpuTime("busy");
    long throttledBefore = tree.stat("cpu", "busy", "cpu.stat", "cpu.stat", "nr_throttled");
    ResourceUsage usageBefore = job.usage();
    runFor(job, Duration.ofMillis(2_500));
    long kernels = tree.cpuTime("busy").minus(before).toNanos();
    ResourceUsage usageAfter = job.usage();
    double elapsed = System.nanoTime() - from;
    long throttled = tree.stat("cpu", "busy", "cpu.stat", "cpu.stat", "nr_throttled");
    job.kill();
    JobResult result = job.await();

    assertThat(kernels / elapsed).isCloseTo(0.25, within(0.025));
    double told = 1000.0 * (cpuMicros(usageAfter) - cpuMicros(usageBefore));
    assertThat(told / elapsed).isCloseTo(0.25, within(0.025));
    double whole = 1000.0 * cpuMicros(result.usage()) / result.processingTime().toNanos();
    assertThat(whole).isCloseTo(0.25, within(0.025));
    assertThat(throttled - throttledBefore).isGreaterThan(50);
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
    runFor(light, Duration.ofMillis(300));

    Duration lightBefore = tree.cpuTime("light");
    Duration heavyBefore = tree.cpuTime("heavy");
    runFor(light, Duration.ofMillis(4_000));
    double lightTime = tree.cpuTime("light").minus(lightBefore).toNanos();
    double heavyTime = tree.cpuTime("heavy").minus(heavyBefore).toNanos();
    light.kill();
    heavy.kill();

    assertThat(heavyTime / lightTime).isCloseTo(3.0, withPercentage(10));
  }

  private static Workload pinned() {
    return Workload.of("taskset", "-c", "0", BUSY[0], BUSY[1], BUSY[2]);
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

    JobResult free = governor.run(read);
    assertThat(free.exitStatus()).contains(new Exited(0));
    assertThat(free.processingTime()).isLessThan(Duration.ofMillis(900));

    IoMax byNumber = IoMax.device(device[0], device[1]).readBytesPerSecond(4 * MIB);
    IoMax byPath = IoMax.path(dir).readBytesPerSecond(4 * MIB);
    for (IoMax max : new IoMax[] {byNumber, byPath}) {
      JobResult slow = governor.run(read.limits(Limits.NONE.ioMax(max)));
      assertThat(slow.exitStatus()).contains(new Exited(0));
      assertThat(slow.receipt().limits())
          .singleElement()
          .satisfies(each -> assertThat(each.status().inForce()).as(each.toString()).isTrue());
      assertThat(slow.processingTime().toMillis())
          .as(max.toString())
          .isBetween(1_800L, 2_400L * LinuxHost.SLOWNESS);
      assertThat(slow.verdict()).isEqualTo(Verdict.COMPLETED_WITHIN_LIMITS);
      assertThat(slow.usage().get(Counter.IO_READ_BYTES).orElseThrow()).isBetween(8 * MIB, 9 * MIB);
    }
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
}
