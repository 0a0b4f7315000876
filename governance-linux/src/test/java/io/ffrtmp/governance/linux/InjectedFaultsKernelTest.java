package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Ending.NeverStarted;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.ExitStatus.Signalled;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartFailedException;
import io.ffrtmp.governance.StartFailure;
import io.ffrtmp.governance.StartFailure.Fault;
import io.ffrtmp.governance.StartFailure.Step;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.libc.Errno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every operation on cgroup files fails in turn: a workload then runs, and the receipt says what it
 * misses, or it does not start and nothing of it is left. No other exception escapes.
 */
@Tag("kernel")
class InjectedFaultsKernelTest extends RunContract {
  private static final String ID = "faulty";
  private static final Limits LIMITS =
      memory(64).cpuMax(new CpuMax(50_000, 100_000)).cpuWeight(200);
  private static final Workload SLEEPER = Workload.of("sleep", "600").jobId(ID).limits(LIMITS);

  private final FaultyFiles files = new FaultyFiles();
  private final List<String> seen = new ArrayList<>();

  /** On a slow host those that the code tells from others. */
  static List<String> ofAStart() {
    return LinuxHost.SLOWNESS > 1
        ? List.of("EACCES", "ENOENT")
        : List.of("EIO", "EACCES", "ENOSPC", "EROFS", "ENOENT", "EBUSY");
  }

  static List<String> ofAnEnd() {
    return LinuxHost.SLOWNESS > 1
        ? List.of("EIO", "ENOENT")
        : List.of("EIO", "EACCES", "ENOENT", "EBUSY");
  }

  @ParameterizedTest
  @MethodSource("ofAStart")
  void start_anyOperationFails_runsAndTellsOrIsATypedFailure(String errno) throws Exception {
    for (int i = 0; i < operationsOfAStart(); i++) {
      startWithFault(SLEEPER, i, errno);
    }
    assertThat(seen)
        .as("only without a group it does not start")
        .allMatch(each -> each.matches("(mkdir|lock|setmark) .*"));
  }

  @ParameterizedTest
  @MethodSource("ofAStart")
  void startWithLimitsRequired_anyOperationFails_runsInsideAllOrNotAtAll(String errno)
      throws Exception {
    for (int i = 0; i < operationsOfAStart(); i++) {
      startWithFault(SLEEPER.limitsRequired(true), i, errno);
    }
  }

  private int operationsOfAStart() throws Exception {
    try (Governor one = open(LinuxGovernor.builder().files(files))) {
      files.arm();
      StartedJob job = one.start(SLEEPER);
      files.disarm();
      job.kill();
      job.await();
      assertThat(files.operations().size()).isGreaterThan(20);
    }
    awaitWatchers(1); // the fixture's
    return files.operations().size();
  }

  private void startWithFault(Workload workload, int index, String errno) throws Exception {
    int fault = number(errno);
    try (Governor faulty =
        LinuxGovernor.builder()
            .files(files)
            .base(base(""))
            .directoryName(name)
            .listener(leaders())
            .open()) {
      int opened = HeldDescriptors.count();
      files.arm(index, fault);
      try {
        StartedJob job = faulty.start(workload);
        files.disarm();
        String what = files.failed() + " " + errno;
        assertThat(JobTree.alive(job.pid())).as(what).isTrue();
        assertTruthful(job, what, errno);
        if (workload.limitsRequired()) {
          assertThat(job.receipt().allInForce()).as(what + job.receipt()).isTrue();
        }
        assertThat(HeldDescriptors.count() - opened).as(what).isEqualTo(1);
        assertThat(job.kill()).as(what).isEmpty(); // also where it could not be placed
        assertThat(job.await().exitStatus()).as(what).contains(new Signalled(Signal.KILL, false));
      } catch (StartFailedException e) {
        files.disarm();
        assertPlatforms(e.result(), files.failed() + " " + errno, errno);
      } finally {
        files.disarm();
      }
      assertThat(faulty.jobs()).isEmpty();
      assertThat(tree.existing(ID)).as(files.failed() + " " + errno).isEmpty();
      assertThat(HeldDescriptors.count()).as(files.failed() + " " + errno).isEqualTo(opened);
    }
    assertThat(JobTree.children()).as(files.failed()).isEmpty();
    awaitWatchers(1); // the fixture's
  }

  /** What the receipt calls in force is what the kernel's files show; for the rest it says why. */
  private void assertTruthful(StartedJob job, String what, String errno) throws IOException {
    Receipt receipt = job.receipt();
    for (LimitOutcome each : receipt.limits()) {
      String told = what + ": " + each;
      if (each.status().inForce()) {
        switch (each.limit()) {
          case MEMORY_MAX -> {
            assertThat(tree.read("memory", ID, "memory.max", "memory.limit_in_bytes"))
                .as(told)
                .isEqualTo(Long.toString(64 << 20));
            assertThat(tree.members("memory", ID)).as(told).contains(job.pid());
          }
          case CPU_MAX -> {
            assertThat(tree.read("cpu", ID, "cpu.max", "cpu.cfs_quota_us"))
                .as(told)
                .startsWith("50000");
            assertThat(tree.members("cpu", ID)).as(told).contains(job.pid());
          }
          default -> assertThat(tree.members("cpu", ID)).as(told).contains(job.pid());
        }
      } else if (each.status() != LimitOutcome.Status.SUBSTITUTED) {
        assertThat(each.errno()).as(told).contains(errno);
        assertThat(each.get(Detail.FILE)).as(told).isPresent();
        assertThat(each.cure()).as(told).isPresent();
      }
    }
  }

  private void assertPlatforms(JobResult result, String what, String errno) {
    StartFailure failure = ((NeverStarted) result.ending()).failure();
    assertThat(failure.fault()).as(what + failure).isEqualTo(Fault.PLATFORM);
    assertThat(failure.step()).as(what + failure).isIn(Step.GROUP, Step.LIMITS, Step.PLACE);
    assertThat(failure.errno()).as(what + failure).contains(errno);
    seen.add(files.failed());
  }

  @ParameterizedTest
  @MethodSource("ofAnEnd")
  void end_anyOperationFails_givesTheResultAllTheSame(String errno) throws Exception {
    Governor faulty = open(LinuxGovernor.builder().files(files));
    int operations = 1;
    for (int i = 0; i < operations; i++) {
      StartedJob job = faulty.start(SLEEPER.jobId(ID + i));
      files.arm(i, number(errno));
      job.signal(Signal.KILL);
      JobResult result = job.await();
      soon().until(() -> JobTree.state(job.pid()).isEmpty());
      files.disarm();
      operations = Math.max(operations, files.operations().size());
      String what = files.failed() + " " + errno;
      assertThat(result.exitStatus()).as(what).contains(new Signalled(Signal.KILL, false));
      assertThat(result.receipt().limits()).as(what).hasSize(3);
      if (!files.failed().matches("(rmdir|subdirectories|read .*(procs|events)).*")) {
        assertThat(tree.existing(ID + i)).as(what).isEmpty();
      }
    }
    assertThat(operations).isGreaterThan(10);
  }

  @Test
  void failedStart_whoseGroupIsBusyAtFirst_leavesItsIdFree() throws Exception {
    Path program = Files.writeString(dir.resolve("formless"), "neither ELF nor script");
    assertThat(program.toFile().setExecutable(true)).isTrue();
    Workload workload = Workload.of(program.toString()).jobId(ID).limits(LIMITS);
    Governor faulty = open(LinuxGovernor.builder().files(files));
    int busy = -1;
    for (int round = 0; round < 2; round++) {
      files.arm(busy, Errno.EBUSY);
      assertThatThrownBy(() -> faulty.start(workload)).isInstanceOf(StartFailedException.class);
      files.disarm();
      List<String> done = files.operations().stream().map(each -> each.split(" ")[0]).toList();
      busy = done.indexOf("rmdir");
      assertThat(busy).isPositive();
    }
    assertThat(faulty.run(Workload.of("true").jobId(ID)).exitStatus()).contains(new Exited(0));
    assertThat(tree.existing(ID)).isEmpty();
  }

  private static int number(String errno) {
    int number = 1;
    while (!Errno.name(number).equals(errno)) {
      number++;
    }
    return number;
  }
}
