package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.AttachRefusedException;
import io.ffrtmp.governance.AttachRefusedException.Reason;
import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Ending;
import io.ffrtmp.governance.ExitStatus;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.JobIdInUseException;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Moved;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Attach on the real kernel. Each target first gets a group of its own in every hierarchy, which
 * stands for its unit.
 */
@Tag("kernel")
class AttachKernelTest {
  private static final Limits GENEROUS =
      Limits.NONE.cpuMax(CpuMax.cores(1.5)).cpuWeight(200).memoryMaxBytes(1L << 30);

  private TargetUnit unit;
  private JobTree tree;
  private Governor governor;

  @BeforeEach
  void open() throws IOException {
    unit = new TargetUnit();
    tree = unit.tree;
    governor = LinuxGovernor.builder().open();
  }

  @AfterEach
  void close() throws Exception {
    if (governor != null) {
      governor.close();
      unit.close();
      RunContract.awaitWatchers(0); // the next test counts descriptors
    }
  }

  private Process target(String script) throws IOException {
    return unit.target(script);
  }

  private Process sleeper() throws IOException {
    return unit.sleeper();
  }

  private Map<String, String> state() throws IOException {
    return unit.state();
  }

  private static Attachment of(Process process) {
    return Attachment.of(process.pid()).jobId("stream");
  }

  @Test
  void attach_nestsInsideTheUnit_limitsIt_andReleaseRestoresEverything() throws Exception {
    Process process = sleeper();
    Map<String, String> before = state();
    AttachedJob job = governor.attach(of(process).limits(GENEROUS));

    assertThat(job.receipt().limits()).allMatch(each -> each.status() == Status.APPLIED);
    assertThat(job.receipt().moved().orElseThrow().processes()).isEqualTo(1);
    assertThat(job.receipt().moved().orElseThrow().chargedElsewhereBytes()).isPositive();
    for (Path group : tree.groups("stream")) {
      assertThat(JobTree.pids(group)).containsExactly(process.pid());
    }
    assertThat(tree.read("memory", "stream", "memory.max", "memory.limit_in_bytes"))
        .isEqualTo("1073741824");
    JobResult result = job.release();
    assertThat(result.ending()).isInstanceOf(Ending.Detached.class);
    assertThat(result.receipt().moved().orElseThrow().notMoved()).isEmpty();
    assertThat(result.verdict()).isEqualTo(Verdict.DETACHED_WORKLOAD_CONTINUES);
    assertThat(state()).isEqualTo(before);
    assertThat(process.isAlive()).isTrue();
    assertThat(governor.jobs()).isEmpty();
    assertThat(job.release()).isEqualTo(result);
  }

  private static long ticks(ProcessHandle process) {
    try {
      String stat = Files.readString(Path.of("/proc/" + process.pid() + "/stat"));
      String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
      return Long.parseLong(fields[11]) + Long.parseLong(fields[12]); // utime, stime
    } catch (IOException ended) {
      return 0;
    }
  }

  /** The part of the CPU that the one gets, of what both get, for as long as a program runs. */
  private static double share(Process one, Process other) throws Exception {
    long ours = one.descendants().mapToLong(AttachKernelTest::ticks).sum();
    long theirs = ticks(other.toHandle());
    new ProcessBuilder("sleep", "2").start().waitFor();
    ours = one.descendants().mapToLong(AttachKernelTest::ticks).sum() - ours;
    theirs = ticks(other.toHandle()) - theirs;
    return (double) ours / (ours + theirs);
  }

  @Test
  void attach_withoutALimitOfTheCpu_leavesEachItsShareOfIt() throws Exception {
    assumeTrue(!tree.unified("cpu"), "on v2 none can live beside it");
    LinuxHost.assumeProgram("taskset");
    String busy = "taskset -c 0 sh -c 'while :; do :; done'";
    Process process = target("for i in 1 2 3; do " + busy + " & done; wait");
    Process other = target("exec " + busy);
    RunContract.soon().until(() -> process.descendants().count() == 3);
    assertThat(share(process, other)).as("before").isBetween(0.65, 0.85);
    Limits memory = Limits.NONE.memoryMaxBytes(1L << 30);
    AttachedJob job = governor.attach(of(process).limits(memory));
    assertThat(job.receipt().allInForce()).isTrue();
    assertThat(share(process, other)).as("while it is attached").isBetween(0.65, 0.85);
    job.release();
  }

  @Test
  void attach_manyTimes_leavesTheHostAsItWas() throws Exception {
    Process process = sleeper();
    governor.attach(of(process).limits(GENEROUS)).release();
    Map<String, String> before = state();
    int descriptors = HeldDescriptors.count();
    int rounds = LinuxHost.SLOWNESS > 1 ? 20 : 1_000;
    for (int i = 0; i < rounds; i++) {
      governor.attach(of(process).limits(GENEROUS)).release();
    }
    assertThat(state()).isEqualTo(before);
    assertThat(HeldDescriptors.count()).isEqualTo(descriptors);
    assertThat(process.isAlive()).isTrue();
    System.out.println(rounds + " rounds of attach and release left the host byte-equal");
  }

  @Test
  void attach_movesTheWholeTree_andThoseBornLaterAreInside() throws Exception {
    Process process = target("sleep 600 & (sleep 600 & sleep 600) & while :; do sleep 0.05; done");
    RunContract.soon().until(() -> process.descendants().count() >= 4);
    AttachedJob job = governor.attach(of(process).limits(GENEROUS));
    assertThat(job.receipt().moved().orElseThrow().processes()).isGreaterThanOrEqualTo(4);
    assertThat(job.receipt().moved().orElseThrow().notMoved()).isEmpty();
    for (Path mount : tree.mounts()) { // one that exits can't be moved, and is listed to its end
      RunContract.soon().until(() -> JobTree.pids(mount.resolve(unit.name)).isEmpty());
    }
    JobResult result = job.release();
    assertThat(result.receipt().moved().orElseThrow().notMoved()).isEmpty();
    for (Path mount : tree.mounts()) {
      assertThat(JobTree.pids(mount.resolve(unit.name))).contains(process.pid());
    }
    RunContract.soon().until(() -> tree.existing("stream").isEmpty());
  }

  @Test
  void attach_withAChildThatIsAZombie_tellsOfNobodyElsewhere() throws Exception {
    Process parent = negligent();
    long zombie = onlyChild(parent);
    parent.getOutputStream().write('\n');
    parent.getOutputStream().flush();
    RunContract.soon().until(() -> JobTree.state(zombie).filter(it -> it == 'Z').isPresent());
    AttachedJob job = governor.attach(of(parent).limits(GENEROUS));
    assertThat(job.receipt().moved().orElseThrow().notMoved()).isEmpty();
    assertThat(job.release().receipt().moved().orElseThrow().notMoved()).isEmpty();
  }

  @Test
  void attach_toWhatForksAllTheTime_takesNoChildForAStranger() throws Exception {
    Process process = target("while :; do (:); done");
    for (int round = 0; round < 10; round++) {
      AttachedJob job = governor.attach(of(process).limits(GENEROUS));
      assertThat(job.receipt().moved().orElseThrow().processes()).isPositive();
      job.release(); // a child that exits can't be moved: then the group goes with it
      RunContract.soon().until(() -> tree.existing("stream").isEmpty());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 42, 255})
  void end_ofAStranger_isToldAsTheKernelKnowsIt(int code) throws Exception {
    Process process = target("read end; exit " + code);
    JobResult result = endOnceAttached(process, of(process));
    ExitStatus status = result.exitStatus().orElseThrow();
    if (strangersExitsAreTold()) {
      assertThat(status).isEqualTo(new ExitStatus.Exited(code));
    } else {
      assertThat(status)
          .isIn(new ExitStatus.Exited(code), unknown(ExitStatus.Cause.KERNEL_TOO_OLD));
    }
    assertThat(result.verdict()).isEqualTo(Verdict.OBSERVED_TO_COMPLETION);
    assertThat(tree.everything()).isEmpty();
  }

  private boolean strangersExitsAreTold() {
    return LinuxHost.tellsStrangers(governor);
  }

  private static ExitStatus unknown(ExitStatus.Cause cause) {
    return new ExitStatus.Unknown(cause);
  }

  @ParameterizedTest
  @ValueSource(ints = {9, 11, 15})
  void end_bySignal_isTold(int signal) throws Exception {
    Process process = target("read end; kill -" + signal + " $$; sleep 600");
    ExitStatus status = endOnceAttached(process, of(process)).exitStatus().orElseThrow();
    assumeTrue(strangersExitsAreTold(), "this kernel does not tell how strangers end");
    assertThat(((ExitStatus.Signalled) status).signal()).isEqualTo(new Signal(signal));
  }

  @Test
  void end_whenNobodyReaps_isUnreaped_atTheMomentOfDeath() throws Exception {
    Process parent = negligent();
    JobResult result = endOnceAttached(parent, Attachment.of(onlyChild(parent)));
    assumeTrue(strangersExitsAreTold(), "this kernel does not tell how strangers end");
    assertThat(result.exitStatus()).contains(unknown(ExitStatus.Cause.UNREAPED));
    assertThat(result.processingTime()).as("not of its parent's").isLessThan(RunContract.PATIENCE);
    assertThat(result.verdict()).isEqualTo(Verdict.OBSERVATION_LOST);
  }

  /** A process that never reaps its child, which ends at a line on the standard input. */
  private Process negligent() throws IOException {
    Process parent = target("exec 3<&0; (read end <&3) & exec sleep 600 3<&-");
    RunContract.soon().until(() -> LinuxHost.commandLine((int) parent.pid()).contains("600"));
    return parent;
  }

  private static long onlyChild(Process parent) {
    return parent.children().findFirst().orElseThrow().pid();
  }

  /** Attaches to what waits for a line on the standard input of a process, and then writes it. */
  private JobResult endOnceAttached(Process reader, Attachment attachment) throws Exception {
    AttachedJob job = governor.attach(attachment);
    reader.getOutputStream().write('\n');
    reader.getOutputStream().flush();
    return job.await();
  }

  @Test
  void detach_leavesLimitsInForce_andRecoverBringsTheJobBack() throws Exception {
    Process process = sleeper();
    Map<String, String> before = state();
    JobResult detached = governor.attach(of(process).limits(GENEROUS)).detach();
    assertThat(detached.receipt().allInForce()).isTrue();
    assertThat(tree.read("memory", "stream", "memory.max", "memory.limit_in_bytes"))
        .isEqualTo("1073741824");
    assertRefused(of(process).jobId("other"), Reason.ALREADY_GOVERNED);

    AttachedJob again = (AttachedJob) governor.recover().jobs().get(0);
    assertThat(again.id()).isEqualTo("stream");
    assertThat(again.receipt()).isEqualTo(detached.receipt());
    again.release();
    assertThat(state()).isEqualTo(before);
  }

  @Test
  void attach_twice_isRefused_andNothingTouched() throws Exception {
    Process process = sleeper();
    AttachedJob job = governor.attach(of(process).limits(GENEROUS));
    Map<String, String> before = state();
    assertRefused(of(process).jobId("second"), Reason.ALREADY_GOVERNED);
    try (Governor other = LinuxGovernor.builder().open()) {
      assertThatThrownBy(() -> other.attach(of(process)))
          .isInstanceOf(AttachRefusedException.class)
          .hasMessageContaining("" + ProcessHandle.current().pid());
    }
    Process another = unit.outside(new ProcessBuilder("sleep", "600"));
    assertThatThrownBy(() -> governor.attach(of(another))).isInstanceOf(JobIdInUseException.class);
    Map<String, String> after = state();
    after.keySet().retainAll(tree.groups("stream").stream().map(Path::toString).toList());
    before.keySet().retainAll(after.keySet());
    assertThat(after).isEqualTo(before).isNotEmpty();
    job.release();
  }

  private void assertRefused(Attachment attachment, Reason reason) {
    assertThatThrownBy(() -> governor.attach(attachment))
        .isInstanceOfSatisfying(
            AttachRefusedException.class, e -> assertThat(e.reason()).isEqualTo(reason));
  }

  @Test
  void attach_insideAGroupThatBearsAForgedMark_namesItsMaker_orTakesNoNoticeOfIt()
      throws Exception {
    assumeTrue(LinuxHost.root(), "needs root, to give a group away");
    Process process = sleeper();
    governor.attach(of(process)).detach();
    Path group = tree.group("memory", "stream");
    Files.setAttribute(group, "unix:uid", 65534);
    assertThatThrownBy(() -> governor.attach(of(process).jobId("other")))
        .isInstanceOf(AttachRefusedException.class)
        .hasMessageContaining("user 65534 made");
    Files.setAttribute(group, "unix:uid", 0);

    byte[] mark = CgroupFiles.kernel().mark(group.toString()).orElseThrow();
    CgroupFiles.kernel().mark(tree.mount("memory").resolve(unit.name).toString(), mark);
    ((AttachedJob) governor.recover().jobs().get(0)).release();
    governor.attach(of(process)).release(); // of another name than the mark says
  }

  @Test
  void attach_toWhatIsNoTarget_isRefusedWithItsReason() throws Exception {
    for (long pid : new long[] {0, -1, Long.MAX_VALUE, 4_194_305}) {
      assertThatIllegalArgumentException().isThrownBy(() -> Attachment.of(pid));
    }
    assertRefused(Attachment.of(1), Reason.OURSELVES);
    assertRefused(Attachment.of(ProcessHandle.current()), Reason.OURSELVES);
    ProcessHandle parent = ProcessHandle.current().parent().orElseThrow();
    assertRefused(Attachment.of(parent), Reason.OURSELVES);
    assertRefused(Attachment.of(4_194_304), Reason.NO_SUCH_PROCESS);
    assertRefused(Attachment.of(threadOfOurs()), Reason.THREAD);
    if (LinuxHost.stat(2, 9).filter(it -> (Long.parseLong(it) & 0x200000) != 0).isPresent()) {
      assertRefused(Attachment.of(2), Reason.KERNEL_THREAD);
    }
    Process process = target("exit 0");
    process.waitFor();
    assertRefused(of(process), Reason.NO_SUCH_PROCESS);
    assertThat(tree.everything()).isEmpty();
  }

  private static long threadOfOurs() throws IOException {
    try (var tasks = Files.list(Path.of("/proc/self/task"))) {
      return tasks
          .map(each -> Long.parseLong(each.getFileName().toString()))
          .filter(id -> id != ProcessHandle.current().pid())
          .findFirst()
          .orElseThrow();
    }
  }

  @Test
  void attach_toAZombie_isRefused() throws Exception {
    Process parent = negligent();
    long zombie = onlyChild(parent);
    parent.getOutputStream().write('\n');
    parent.getOutputStream().flush();
    RunContract.soon().until(() -> JobTree.state(zombie).filter(it -> it == 'Z').isPresent());
    assertRefused(Attachment.of(zombie), Reason.ENDED);
  }

  @Test
  void attach_toAProcessOfAnotherPidNamespace_isRefused() throws Exception {
    LinuxHost.assumeProgram("unshare");
    assumeTrue(LinuxHost.root(), "needs root to make a pid namespace");
    Process parent = target("exec unshare --pid --fork sleep 600");
    RunContract.soon().until(() -> parent.children().findAny().isPresent());
    assertRefused(Attachment.of(parent.children().findAny().orElseThrow()), Reason.OTHER_NAMESPACE);
  }

  /** Attaches where {@code /proc} hides processes of others, and tells what came of it. */
  static final class Blind {
    public static void main(String[] args) {
      try (Governor governor = LinuxGovernor.builder().open()) {
        governor.attach(Attachment.of(Long.parseLong(args[0])));
        SecondJvm.tell("attached");
      } catch (AttachRefusedException e) {
        SecondJvm.tell(e.reason() + " " + e.getMessage());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void attach_toAProcessThatProcHides_isRefused(int hidepid) throws Exception {
    assumeTrue(LinuxHost.root(), "needs root to make a mount namespace");
    LinuxHost.assumeProgram("unshare");
    Process process = sleeper();
    String script = "mount -t proc -o hidepid=" + hidepid + " proc /proc && exec \"$@\"";
    try (SecondJvm jvm =
        SecondJvm.of(Blind.class, process.pid())
            .by("unshare", "--mount", "/bin/sh", "-c", script, "sh")
            .as(65_534)
            .start()) {
      assertThat(jvm.hear("")).startsWith("HIDDEN ").contains("hidepid");
    }
  }

  @Test
  void memoryMax_belowUsage_isRefused_andTheTargetUntouched() throws Exception {
    Process process = target("exec sleep 600");
    Map<String, String> before = state();
    assertRefused(of(process).limits(Limits.NONE.memoryMaxBytes(4096)), Reason.MEMORY_IN_USE);
    assertThat(state()).isEqualTo(before);
    assertThat(process.isAlive()).isTrue();
  }

  @Test
  void home_thatAnotherUserMadeAndHolds_holdsUpNobody() throws Exception {
    assumeTrue(LinuxHost.root(), "needs root to be more than the other user");
    LinuxHost.assumeProgram("flock");
    Process process = sleeper();
    List<Process> holders = new ArrayList<>();
    for (Path group : unit.groups()) {
      Path home = Files.createDirectory(group.resolve("ffrtmp"));
      Files.setAttribute(home, "unix:uid", 65_534);
      List<String> hold = new ArrayList<>(SecondJvm.asUser(65_534));
      hold.addAll(List.of("flock", home.toString(), "sleep", "600"));
      holders.add(unit.outside(new ProcessBuilder(hold)));
    }
    RunContract.soon().until(() -> holders.stream().allMatch(it -> it.descendants().count() == 1));
    AttachedJob job = governor.attach(of(process).limits(GENEROUS));
    for (LimitOutcome each : job.receipt().limits()) {
      assertThat(each.status()).isEqualTo(Status.DENIED);
      assertThat(each.cure().orElseThrow())
          .endsWith(" belongs to user 65534: remove it, or name another");
    }
    assertThat(job.receipt().moved().orElseThrow().notMoved()).hasSize(1);
    job.release();
    for (Path group : unit.groups()) {
      assertThat(JobTree.pids(group)).contains(process.pid());
      assertThat(group.resolve("ffrtmp/stream")).doesNotExist();
    }
  }

  @Test
  void memoryMax_aboveWhatForksShare_isNoReasonToRefuse() throws Exception {
    LinuxHost.assumeProgram("perl");
    Process parent =
        target(
            "exec perl -e '$x = \"x\" x (16 << 20); fork || last for 1 .. 8; $0 = \"forked\"; sleep 600'");
    RunContract.soon().until(() -> parent.descendants().count() == 8);
    AttachedJob job = governor.attach(of(parent).limits(Limits.NONE.memoryMaxBytes(64 << 20)));
    assertThat(job.receipt().moved().orElseThrow().processes()).isEqualTo(9);
    job.release();
  }

  @Test
  void limitsRequired_thatCantBeHad_isRefused_andEverythingPutBack() throws Exception {
    Process process = sleeper();
    Map<String, String> before = state();
    Limits impossible =
        GENEROUS.ioMax(io.ffrtmp.governance.IoMax.device(4095, 7).readBytesPerSecond(1 << 20));
    assertRefused(of(process).limits(impossible).limitsRequired(true), Reason.LIMITS_REQUIRED);
    assertThat(state()).isEqualTo(before);
    AttachedJob job = governor.attach(of(process).limits(impossible));
    assertThat(job.receipt().allInForce()).isFalse();
    job.release();
    assertThat(state()).isEqualTo(before);
  }

  @Test
  void attach_toAThreadsSpreadOverGroups_isRefused() throws Exception {
    assumeTrue(!tree.unified("cpu"), "threads can be spread on cgroup v1 only");
    Path elsewhere = tree.mount("cpu").resolve(unit.name).resolve("elsewhere");
    try (SecondJvm jvm = SecondJvm.of(AttachLife.class).start()) {
      jvm.hear("up");
      spreadThenAttach(jvm.pid(), elsewhere);
    }
  }

  private void spreadThenAttach(int pid, Path elsewhere) throws IOException {
    for (Path mount : tree.mounts()) {
      JobTree.move(pid, mount.resolve(unit.name));
    }
    Files.createDirectory(elsewhere);
    String thread =
        Files.list(Path.of("/proc/" + pid + "/task"))
            .map(each -> each.getFileName().toString())
            .filter(each -> !each.equals("" + pid))
            .findFirst()
            .orElseThrow();
    Files.writeString(elsewhere.resolve("tasks"), thread);
    assertRefused(Attachment.of(pid), Reason.THREADS_SPREAD);
    assertThat(Files.readString(elsewhere.resolve("tasks")).strip()).isEqualTo(thread);
  }

  @Test
  void release_whenTheOldPlaceIsGone_goesToTheNearestAncestor_andSaysSo() throws Exception {
    Process process = sleeper();
    governor.close();
    governor = LinuxGovernor.builder().base(RunContract.base(unit.name)).open();
    for (Path mount : tree.mounts()) {
      Files.createDirectory(mount.resolve(unit.name).resolve("old"));
      JobTree.move(process.pid(), mount.resolve(unit.name).resolve("old"));
    }
    AttachedJob job = governor.attach(of(process).limits(GENEROUS).leaveUnit(true));
    assertThat(tree.existing("stream")).hasSameSizeAs(tree.mounts());
    for (Path mount : tree.mounts()) {
      Files.delete(mount.resolve(unit.name).resolve("old"));
    }
    Moved moved = job.release().receipt().moved().orElseThrow();
    if (!tree.unified("memory") || LinuxHost.root()) { // a delegate can't leave what it was given
      assertThat(moved.notMoved())
          .singleElement()
          .satisfies(it -> assertThat(it.reason()).contains("old is gone"));
    }
    if (!tree.unified("memory")) { // on v2 an inner node takes no process: it goes further up
      for (Path mount : tree.mounts()) {
        assertThat(JobTree.pids(mount.resolve(unit.name))).contains(process.pid());
      }
    }
    assertThat(process.isAlive()).isTrue();
  }

  @Test
  void usageAndEnd_countWhatTheJobDid() throws Exception {
    Process process = target("while :; do :; done");
    AttachedJob job = governor.attach(of(process));
    RunContract.soon()
        .until(
            () ->
                job.usage().get(io.ffrtmp.governance.ResourceUsage.Counter.CPU_USER_USEC).orElse(0)
                    > 50_000);
    process.destroyForcibly();
    JobResult result = job.await();
    assertThat(result.usage()).isNotEqualTo(io.ffrtmp.governance.ResourceUsage.UNKNOWN);
    assertThat(result.evidence().survivors()).hasValue(0);
    assertThat(tree.everything()).isEmpty();
  }

  @Test
  void jvmKilled_targetGoesOnInsideItsLimits_andAnotherRecoversIt() throws Exception {
    Process process = sleeper();
    Map<String, String> before = state();
    try (SecondJvm jvm = SecondJvm.of(AttachLife.class, "hold", process.pid()).start()) {
      assertThat(jvm.hear("attached")).isEqualTo("true");
      assertThat(governor.recover().leftovers())
          .anyMatch(it -> it.reason().contains("process " + jvm.pid() + " governs it"));
      jvm.kill();
    }
    assertThat(process.isAlive()).isTrue();
    assertThat(tree.read("memory", "stream", "memory.max", "memory.limit_in_bytes"))
        .isEqualTo("1073741824");
    AttachedJob job = (AttachedJob) governor.recover().jobs().get(0);
    assertThat(job.pid()).isEqualTo(process.pid());
    assertThat(job.receipt().allInForce()).isTrue();
    assertThat(job.receipt().limits()).hasSize(2);
    job.release();
    assertThat(state()).isEqualTo(before);
  }

  @Test
  void attachLife_underStrace_sendsNoSignal(@org.junit.jupiter.api.io.TempDir Path directory)
      throws Exception {
    LinuxHost.assumeProgram("strace");
    assumeTrue(LinuxHost.SLOWNESS == 1, "a JVM under strace takes minutes where it is emulated");
    Process process = sleeper();
    Path log = directory.resolve("strace");
    String signalling =
        "trace=kill,tkill,tgkill,pidfd_send_signal,rt_sigqueueinfo,rt_tgsigqueueinfo,ptrace";
    SecondJvm.of(AttachLife.class, "life", process.pid())
        .by("strace", "-f", "-o", log.toString(), "-e", signalling)
        .succeed();
    String pid = "" + process.pid();
    assertThat(Files.readAllLines(log))
        .isNotEmpty()
        .noneMatch(line -> line.matches(".*\\b(kill|tkill)\\(" + pid + ",.*"))
        .noneMatch(line -> line.matches(".*tgkill\\(" + pid + ",.*"))
        .noneMatch(line -> line.contains("pidfd_send_signal") || line.contains("ptrace("));
    assertThat(process.isAlive()).isTrue();
  }
}
