package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Ending.Detached;
import io.ffrtmp.governance.Ending.NeverStarted;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartFailedException;
import io.ffrtmp.governance.StartFailure.Fault;
import io.ffrtmp.governance.StartFailure.Step;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The receipt tells what the kernel holds, and what became of it. */
@Tag("kernel")
class ReceiptKernelTest extends RunContract {
  private static final long PAGE = 4096;
  private static final IoMax ABSENT = IoMax.device(4095, 1_048_575).readBytesPerSecond(1 << 20);

  private final String parent = name + "-parent";
  private final String elsewhere = name + "-elsewhere";

  @BeforeEach
  void needsControllers() {
    for (String controller : List.of("memory", "cpu", "io")) {
      assumeTrue(tree.has(controller), "needs the controller " + controller);
    }
  }

  @AfterEach
  void removeOwnGroups() throws IOException {
    tree.remove(parent);
    tree.remove(elsewhere);
  }

  @Test
  void limits_plain_areAppliedAndReadBackFromTheKernel() throws Exception {
    Limits limits = memory(64).cpuMax(new CpuMax(50_000, 100_000)).cpuWeight(200);
    StartedJob job = startReady(held("ready").limits(limits).jobId("plain"), "ready");

    assertThat(job.receipt().allInForce()).isTrue();
    for (LimitOutcome each : job.receipt().limits()) {
      assertThat(each.status()).as(each.toString()).isEqualTo(Status.APPLIED);
      assertThat(each.readBack()).isEqualTo(each.get(Detail.WRITTEN));
      assertThat(each.effective()).isEmpty();
      assertThat(Path.of(each.get(Detail.FILE).orElseThrow())).exists();
    }
    assertThat(tree.read("memory", "plain", "memory.max", "memory.limit_in_bytes"))
        .isEqualTo(Long.toString(64 << 20));
    assertThat(tree.read("cpu", "plain", "cpu.max", "cpu.cfs_quota_us")).startsWith("50000");
    String weight = tree.read("cpu", "plain", "cpu.weight", "cpu.shares");
    assertThat(weight).isEqualTo(tree.unified("cpu") ? "200" : "2048");

    job.signal(Signal.TERM);
    JobResult result = job.await();
    assertThat(result.receipt()).isEqualTo(job.receipt());
    assertThat(result.receipt().limits()).allMatch(each -> each.status() == Status.APPLIED);
    assertThat(result.verdict()).isEqualTo(Verdict.COMPLETED_WITHIN_LIMITS);
  }

  @Test
  void memoryMax_notAMultipleOfThePage_isAdjusted() throws Exception {
    long asked = (40 << 20) + 1;
    JobResult result =
        governor.run(sh("exit 0").limits(Limits.NONE.memoryMaxBytes(asked)).jobId("page"));
    LimitOutcome outcome = outcome(result.receipt(), Limit.MEMORY_MAX);
    String rounded = Long.toString(asked / PAGE * PAGE);
    assertThat(outcome.status()).isEqualTo(Status.ADJUSTED);
    assertThat(outcome.asked()).isEqualTo(Long.toString(asked));
    assertThat(outcome.get(Detail.WRITTEN)).contains(Long.toString(asked));
    assertThat(outcome.readBack()).contains(rounded);
    assertThat(outcome.effective()).contains(rounded);
    assertThat(outcome.get(Detail.EFFECTIVE_AT)).isEmpty();
    assertThat(result.verdict()).isEqualTo(Verdict.COMPLETED_WITHIN_LIMITS);
  }

  @Test
  void limits_tighterAbove_areAdjustedAndTheAncestorIsNamed() throws Exception {
    tree.make(parent);
    JobTree parents = new JobTree(parent);
    Files.writeString(
        parents.file("memory", "", "memory.max", "memory.limit_in_bytes"),
        Long.toString(128 << 20));
    boolean unified = parents.unified("cpu");
    Files.writeString(
        parents.file("cpu", "", "cpu.max", "cpu.cfs_quota_us"), unified ? "20000 100000" : "20000");

    Limits limits = memory(256).cpuMax(new CpuMax(50_000, 100_000));
    JobResult result = openAt(parent, LinuxGovernor.builder()).run(sh("exit 0").limits(limits));

    LimitOutcome memory = outcome(result.receipt(), Limit.MEMORY_MAX);
    assertThat(memory.status()).as(memory.toString()).isEqualTo(Status.ADJUSTED);
    assertThat(memory.effective()).contains(Long.toString(128 << 20));
    assertThat(memory.get(Detail.EFFECTIVE_AT))
        .contains(tree.mount("memory").resolve(parent).toString());
    LimitOutcome cpu = outcome(result.receipt(), Limit.CPU_MAX);
    assertThat(cpu.status()).as(cpu.toString()).isEqualTo(Status.ADJUSTED);
    assertThat(cpu.effective()).contains("20000 100000");
    assertThat(cpu.get(Detail.EFFECTIVE_AT)).contains(tree.mount("cpu").resolve(parent).toString());
    assertThat(result.verdict()).isEqualTo(Verdict.COMPLETED_WITHIN_LIMITS);
  }

  @Test
  void limits_looserAbove_areAppliedAsAsked() throws Exception {
    tree.make(parent);
    Path above = new JobTree(parent).file("memory", "", "memory.max", "memory.limit_in_bytes");
    Files.writeString(above, Long.toString(512 << 20));
    JobResult result =
        openAt(parent, LinuxGovernor.builder()).run(sh("exit 0").limits(memory(256)));
    assertThat(outcome(result.receipt(), Limit.MEMORY_MAX).status()).isEqualTo(Status.APPLIED);
  }

  @Test
  void ioMax_absentDevice_isUnsupportedAndTheJobRunsAnyway() throws Exception {
    JobResult result = governor.run(sh(": > ran").limits(Limits.NONE.ioMax(ABSENT)));
    assertUnsupported(result);
    assertThat(dir.resolve("ran")).exists();
  }

  @Test
  void ioMax_partition_isUnsupportedAndTheJobRunsAnyway() throws Exception {
    IoMax partition = partition().readBytesPerSecond(1 << 20);
    assertUnsupported(governor.run(sh("exit 0").limits(Limits.NONE.ioMax(partition))));
  }

  private static void assertUnsupported(JobResult result) {
    LimitOutcome outcome = outcome(result.receipt(), Limit.IO_MAX);
    assertThat(outcome.status()).as(outcome.toString()).isEqualTo(Status.UNSUPPORTED);
    assertThat(outcome.errno()).contains("ENODEV");
    assertThat(outcome.cure().orElseThrow()).contains("lsblk");
    assertThat(outcome.get(Detail.FILE)).isPresent();
    assertThat(result.exitStatus()).contains(new Exited(0));
    assertThat(result.verdict()).isEqualTo(Verdict.LIMITS_NOT_ENFORCED);
    assertThat(result.verdict().compliant()).isFalse();
  }

  private static IoMax partition() throws IOException {
    try (Stream<Path> devices = Files.list(Path.of("/sys/dev/block"))) {
      List<String> found =
          devices
              .filter(each -> Files.exists(each.resolve("partition")))
              .map(each -> each.getFileName().toString())
              .toList();
      assumeTrue(!found.isEmpty(), "needs a partition");
      String[] number = found.get(0).split(":");
      return IoMax.device(Integer.parseInt(number[0]), Integer.parseInt(number[1]));
    }
  }

  @Test
  void limitsRequired_oneCantBeHad_isAPlatformFailureAndLeavesNothing() {
    Limits limits = memory(64).ioMax(ABSENT);
    StartFailedException failed =
        catchThrowableOfType(
            StartFailedException.class,
            () ->
                governor.start(
                    sh(": > ran").limits(limits).limitsRequired(true).jobId("required")));
    JobResult result = failed.result();
    assertThat(result.ending())
        .isInstanceOfSatisfying(
            NeverStarted.class,
            never -> {
              assertThat(never.failure().fault()).isEqualTo(Fault.PLATFORM);
              assertThat(never.failure().step()).isEqualTo(Step.LIMITS);
              assertThat(never.failure().errno()).contains("ENODEV");
              assertThat(never.failure().message())
                  .startsWith("a required limit can't be had: io.max " + ABSENT)
                  .contains(" is unsupported (ENODEV, file ", "); name a whole disk");
            });
    assertThat(result.verdict()).isEqualTo(Verdict.PLATFORM_START_FAILED);
    assertThat(outcome(result.receipt(), Limit.IO_MAX).status()).isEqualTo(Status.UNSUPPORTED);
    assertThat(JobResult.fromJson(result.toJson())).isEqualTo(result);
    assertThat(tree.existing("required")).isEmpty();
    assertThat(dir.resolve("ran")).doesNotExist();
    assertThat(JobTree.children()).isEmpty();
    assertThat(governor.jobs()).isEmpty();
  }

  @Test
  void limit_changedByOthersWhileItRuns_isLostAtTheEnd() throws Exception {
    StartedJob job = startReady(held("ready").limits(memory(64)).jobId("changed"), "ready");
    doubleMemory("changed");
    job.signal(Signal.TERM);
    JobResult result = job.await();
    assertThat(result.exitStatus()).contains(new Exited(0));
    assertLost(result);
  }

  @Test
  void limit_changedByOthersWhileItRuns_isLostAtDetach() throws Exception {
    StartedJob job = startReady(held("ready").limits(memory(64)).jobId("changed"), "ready");
    doubleMemory("changed");
    JobResult result = job.detach();
    assertThat(result.ending()).isEqualTo(new Detached());
    assertLost(result);
  }

  private void doubleMemory(String id) throws IOException {
    Files.writeString(
        tree.file("memory", id, "memory.max", "memory.limit_in_bytes"), Long.toString(128 << 20));
  }

  private static void assertLost(JobResult result) {
    LimitOutcome outcome = outcome(result.receipt(), Limit.MEMORY_MAX);
    assertThat(outcome.status()).as(outcome.toString()).isEqualTo(Status.LOST);
    assertThat(outcome.readBack()).contains(Long.toString(128 << 20));
    assertThat(result.verdict()).isEqualTo(Verdict.LIMITS_LOST);
    assertThat(result.verdict().compliant()).isFalse();
  }

  @Test
  void process_movedOutByOthers_isFoundAtDetach() throws Exception {
    StartedJob job = startReady(held("ready").limits(memory(64)), "ready");
    moveElsewhere(job.pid(), "memory");
    assertMoved(job.detach());
  }

  @Test
  void process_movedOutByOthers_isFoundAtClose() throws Exception {
    StartedJob job = startReady(held("ready").limits(memory(64)), "ready");
    moveElsewhere(job.pid(), "cpu");
    CompletableFuture<JobResult> result = job.onExit();
    governor.close();
    assertMoved(result.join());
  }

  @Test
  void process_movedOutOfOneTreeByOthers_isFoundAtTheEnd() throws Exception {
    assumeTrue(tree.unified("memory"), "cgroup v1 shows the root for a process that exits");
    StartedJob job = startReady(held("ready").limits(memory(64)), "ready");
    moveElsewhere(job.pid(), "memory");
    job.signal(Signal.TERM);
    assertMoved(job.await());
  }

  @Test
  void process_movedOutByOthersWithoutLimits_isEvidenceButNoBreach() throws Exception {
    StartedJob job = startReady(held("ready"), "ready");
    moveElsewhere(job.pid(), "memory");
    JobResult result = job.detach();
    assertThat(result.evidence().movedByOthers()).isTrue();
    assertThat(result.verdict()).isEqualTo(Verdict.DETACHED_WORKLOAD_CONTINUES);
  }

  @Test
  void process_inASubgroupOfItsOwn_isNotMovedOut() throws Exception {
    StartedJob job = startReady(held("ready").limits(memory(64)).jobId("inner"), "ready");
    Path inner = Files.createDirectory(tree.group("memory", "inner").resolve("its-own"));
    JobTree.move(job.pid(), inner);
    JobResult result = job.detach();
    assertThat(result.evidence().movedByOthers()).isFalse();
    assertThat(result.verdict()).isEqualTo(Verdict.DETACHED_WORKLOAD_CONTINUES);
  }

  private void moveElsewhere(long pid, String controller) throws IOException {
    tree.make(elsewhere);
    JobTree.move(pid, tree.mount(controller).resolve(elsewhere));
  }

  private static void assertMoved(JobResult result) {
    assertThat(result.evidence().movedByOthers()).isTrue();
    assertThat(result.verdict()).isEqualTo(Verdict.LIMITS_LOST);
  }
}
