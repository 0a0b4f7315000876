package io.ffrtmp.governance.linux;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.AttachRefusedException;
import io.ffrtmp.governance.AttachRefusedException.Reason;
import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Moved.NotMoved;
import io.ffrtmp.governance.Recovery;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import io.ffrtmp.governance.linux.cgroup.Mark;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Undoing an attachment when the way back is barred, or somebody else has a hand in it. */
@Tag("kernel")
class UndoKernelTest {
  private static final String HOME = "ffrtmp-undo";
  private static final String ID = "stream";
  private static final Limits LIMITS =
      Limits.NONE.cpuMax(CpuMax.cores(1.5)).memoryMaxBytes(1L << 30);

  /** How many of the next moves back into the unit are refused. */
  private final AtomicInteger refusals = new AtomicInteger();

  private TargetUnit unit;
  private Governor governor;

  @BeforeEach
  void open() throws IOException {
    unit = new TargetUnit(HOME);
    governor = LinuxGovernor.builder().directoryName(HOME).files(new Barred()).open();
  }

  @AfterEach
  void close() throws Exception {
    if (governor != null) {
      refusals.set(0);
      governor.close();
      unit.close();
      RunContract.awaitWatchers(0); // the next test counts descriptors
    }
  }

  /** Whether the target's cgroup has just gone away. */
  private volatile boolean vanished;

  /** Whether nobody can tell who lives in the group. */
  private volatile boolean unreadable;

  /** The kernel's files, but for the way back. */
  private final class Barred implements CgroupFiles {
    @Override
    public String read(String path) throws ErrnoException {
      if (vanished && path.matches("/proc/\\d+/cgroup")) {
        throw new ErrnoException(Errno.ENOENT, "injected: read " + path);
      }
      if (unreadable && path.endsWith(ID + "/cgroup.procs")) {
        throw new ErrnoException(Errno.EIO, "injected: read " + path);
      }
      return CgroupFiles.super.read(path);
    }

    @Override
    public void write(String path, String text) throws ErrnoException {
      if (path.endsWith(unit.name + "/cgroup.procs")
          && refusals.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
        throw new ErrnoException(Errno.EBUSY, "injected: write " + path);
      }
      CgroupFiles.super.write(path, text);
    }
  }

  private AttachedJob attach(Process process) {
    return governor.attach(Attachment.of(process.pid()).jobId(ID).limits(LIMITS));
  }

  private AttachedJob attachWithoutLimits(Process process) {
    return governor.attach(Attachment.of(process.pid()).jobId(ID));
  }

  private static List<NotMoved> notMoved(AttachedJob job) {
    return job.release().receipt().moved().orElseThrow().notMoved();
  }

  private AttachedJob recovered() {
    Recovery found = governor.recover();
    assertThat(found.leftovers()).isEmpty();
    assertThat(found.ended()).isEmpty();
    assertThat(found.jobs()).hasSize(1);
    return (AttachedJob) found.jobs().get(0);
  }

  private void assertInTheGroup(Process process) throws IOException {
    assertThat(JobTree.pids(unit.tree.group("memory", ID))).contains(process.pid());
  }

  @Test
  void release_whoLivesInTheGroupIsUnknown_isTold_andRecoverTakesTheJobBack() throws Exception {
    Process process = unit.sleeper();
    Map<String, String> before = unit.state();
    AttachedJob job = attach(process);
    unreadable = true;
    assertThat(notMoved(job))
        .singleElement()
        .satisfies(it -> assertThat(it.pid()).isEqualTo(process.pid()))
        .satisfies(it -> assertThat(it.reason()).startsWith("it may still be in "));
    unreadable = false;
    assertInTheGroup(process);
    assertThat(notMoved(recovered())).isEmpty();
    assertThat(unit.state()).isEqualTo(before);
  }

  @Test
  void attach_whoseCgroupVanishes_isToldAsMoved_notAsGone() throws Exception {
    Process process = unit.sleeper();
    Map<String, String> before = unit.state();
    vanished = true;
    AttachRefusedException refused =
        catchThrowableOfType(AttachRefusedException.class, () -> attach(process));
    assertThat(refused.reason()).isEqualTo(Reason.MOVED_AWAY);
    assertThat(process.isAlive()).isTrue();
    assertThat(unit.state()).isEqualTo(before);
  }

  @Test
  void movedOutByHandWhileNobodyWatched_isRecovered_andItsLimitsAreLost() throws Exception {
    Process process = unit.sleeper();
    attach(process).detach();
    for (Path group : unit.groups()) {
      JobTree.move(process.pid(), Files.createDirectory(group.resolve("elsewhere")));
    }
    AttachedJob job = recovered();
    assertThat(job.receipt().limits()).hasSize(2).allMatch(it -> it.status() == Status.LOST);
    assertThat(job.release().verdict()).isEqualTo(Verdict.LIMITS_LOST);
    for (Path group : unit.groups()) {
      assertThat(JobTree.pids(group.resolve("elsewhere"))).containsExactly(process.pid());
    }
    assertThat(unit.tree.everything()).isEmpty();
  }

  @Test
  void leftover_removedByAnAttachmentOfItsId_isToldByTheNextRecovery() throws Exception {
    Process first = unit.sleeper();
    attachWithoutLimits(first).detach(); // for on v2 limits would keep the second from the unit
    first.destroyForcibly().waitFor();
    AttachedJob second = attachWithoutLimits(unit.sleeper());
    assertThat(governor.recover().ended())
        .singleElement()
        .satisfies(it -> assertThat(it.jobId()).isEqualTo(ID))
        .satisfies(it -> assertThat(it.pid()).hasValue(first.pid()))
        .satisfies(it -> assertThat(it.receipt().moved().orElseThrow().processes()).isOne());
    assertThat(governor.recover().ended()).isEmpty();
    assertThat(notMoved(second)).isEmpty();
  }

  @Test
  void release_refused_leavesAJob_whichRecoverTakesBack() throws Exception {
    Process process = unit.sleeper();
    Map<String, String> before = unit.state();
    AttachedJob job = attach(process);
    refusals.set(Integer.MAX_VALUE);
    assertThat(notMoved(job))
        .singleElement()
        .satisfies(it -> assertThat(it.pid()).isEqualTo(process.pid()))
        .satisfies(it -> assertThat(it.reason()).contains("EBUSY"));
    assertInTheGroup(process);
    refusals.set(0);
    assertThat(notMoved(recovered())).isEmpty();
    assertThat(unit.state()).isEqualTo(before);
  }

  @Test
  void release_refusedInOneHierarchy_leavesAJob_whichRecoverTakesBack() throws Exception {
    assumeTrue(unit.tree.mounts().size() > 1, "there is one hierarchy only");
    Process process = unit.sleeper();
    Map<String, String> before = unit.state();
    AttachedJob job = attach(process);
    refusals.set(8); // the first of each round
    assertThat(notMoved(job)).hasSize(1);
    assertInTheGroup(process);
    assertThat(notMoved(recovered())).isEmpty();
    assertThat(unit.state()).isEqualTo(before);
  }

  @Test
  void release_whichALaterRoundAchieves_notesNobody() throws Exception {
    Process process = unit.sleeper();
    Map<String, String> before = unit.state();
    AttachedJob job = attach(process);
    refusals.set(2);
    assertThat(notMoved(job)).isEmpty();
    assertThat(unit.state()).isEqualTo(before);
  }

  @Test
  void release_ofWhatWasHalfAttached_notesWhoStays() throws Exception {
    Process process = unit.sleeper();
    attach(process).detach();
    String primary = unit.tree.group("memory", ID).toString();
    Map<String, String> fields =
        new LinkedHashMap<>(
            Mark.parse(CgroupFiles.kernel().mark(primary).orElseThrow()).orElseThrow().fields());
    fields.keySet().removeAll(List.of("moved", "charged"));
    CgroupFiles.kernel().mark(primary, new Mark(fields).encode());
    AttachedJob job = recovered();
    assertThat(job.receipt().moved()).isEmpty();
    refusals.set(Integer.MAX_VALUE);
    assertThat(notMoved(job)).hasSize(1);
  }

  @Test
  void attach_thatCantBeRolledBack_saysSo_andRecoverTakesItOver() throws Exception {
    Process process = unit.sleeper();
    Map<String, String> before = unit.state();
    Limits impossible = LIMITS.ioMax(IoMax.device(4095, 7).readBytesPerSecond(1 << 20));
    Attachment asked =
        Attachment.of(process.pid()).jobId(ID).limits(impossible).limitsRequired(true);
    refusals.set(Integer.MAX_VALUE);
    AttachRefusedException refused =
        catchThrowableOfType(AttachRefusedException.class, () -> governor.attach(asked));
    assertThat(refused.reason()).isEqualTo(Reason.LIMITS_REQUIRED);
    assertThat(refused)
        .hasMessageContaining("process " + process.pid() + " is not where it was")
        .hasMessageContaining("EBUSY");
    assertInTheGroup(process);
    assertThatThrownBy(() -> attach(process)).hasMessageContaining("recover() takes it over");
    refusals.set(0);
    assertThat(notMoved(recovered())).isEmpty();
    assertThat(unit.state()).isEqualTo(before);
    assertThatThrownBy(() -> governor.attach(asked))
        .isInstanceOf(AttachRefusedException.class)
        .message()
        .doesNotContain("where it was");
    assertThat(unit.state()).isEqualTo(before);
  }

  @Test
  void release_leavesWhereItIs_whomSomebodyElseHasMoved() throws Exception {
    Process process = unit.sleeper();
    AttachedJob job = attach(process);
    Path emergency = unit.tree.mount("memory").resolve(unit.name).resolve("emergency");
    Files.createDirectory(emergency);
    JobTree.move(process.pid(), emergency);
    assertThat(notMoved(job)).isEmpty();
    assertThat(JobTree.pids(emergency)).containsExactly(process.pid());
    for (Path mount : unit.tree.mounts()) {
      if (!mount.equals(unit.tree.mount("memory"))) {
        assertThat(JobTree.pids(mount.resolve(unit.name))).contains(process.pid());
      }
    }
    assertThat(unit.tree.existing(ID)).isEmpty();
  }

  @Test
  void end_ofWhatSomebodyElseHasMovedOut_isToldWhereTheKernelKnowsIt() throws Exception {
    Process process = unit.sleeper();
    AttachedJob job = attach(process);
    for (Path mount : unit.tree.mounts()) {
      Path elsewhere = mount.resolve(unit.name).resolve("elsewhere");
      Files.createDirectory(elsewhere);
      JobTree.move(process.pid(), elsewhere);
    }
    process.destroyForcibly().waitFor(); // reaped at once, as PID 1 does
    JobResult result = job.await();
    boolean told = unit.tree.unified("memory") && LinuxHost.tellsStrangers(governor);
    if (told) {
      assertThat(result.evidence().movedByOthers()).isTrue();
      assertThat(result.verdict()).isEqualTo(Verdict.LIMITS_LOST);
    } else if (!unit.tree.unified("memory")) { // v1 shows the root for every task that exits
      assertThat(result.evidence().movedByOthers()).isFalse();
      assertThat(result.verdict()).isEqualTo(Verdict.OBSERVED_TO_COMPLETION);
    }
    assertThat(unit.tree.existing(ID)).isEmpty();
  }

  @Test
  void end_withinAGroupThatTheWorkloadMadeItself_isNoMove() throws Exception {
    assumeTrue(unit.tree.unified("memory"), "only v2 tells where a process died");
    Process process = unit.sleeper();
    AttachedJob job = governor.attach(Attachment.of(process.pid()).jobId(ID)); // no controllers on
    Path below = unit.tree.group("memory", ID).resolve("below");
    Files.createDirectory(below);
    JobTree.move(process.pid(), below);
    process.destroyForcibly().waitFor();
    assertThat(job.await().evidence().movedByOthers()).isFalse();
  }

  @Test
  void attach_toANumberThatIsAnothersByThen_takesThatOneToItsParent() throws Exception {
    Path last = Path.of("/proc/sys/kernel/ns_last_pid");
    assumeTrue(Files.isWritable(last), "can't choose the next process id by " + last);
    Process target = unit.sleeper();
    Map<String, String> before = unit.state();
    Process shell = unit.outside(new ProcessBuilder("sh", "-c", AGAIN));
    AtomicLong stranger = new AtomicLong();
    CgroupFiles files =
        Seam.files(
            "before write .*ID/cgroup\\.procs .*",
            1,
            ID,
            () -> stranger.set(another(target, shell)));
    try (Governor late = LinuxGovernor.builder().directoryName(HOME).files(files).open()) {
      Attachment asked = Attachment.of(target.pid()).jobId(ID).limits(LIMITS);
      assertThatThrownBy(() -> late.attach(asked)).hasMessageContaining("has ended");
    }
    long pid = stranger.get();
    List<String> where = membership("" + pid);
    shell.descendants().forEach(ProcessHandle::destroyForcibly); // else onExit() takes it for ours
    assumeTrue(pid == target.pid(), "somebody else was given the number");
    assertThat(where).isEqualTo(membership("self"));
    before.replaceAll((group, who) -> who.replace("[" + pid + "]", "[]"));
    assertThat(unit.state()).isEqualTo(before);
  }

  private static List<String> membership(String process) throws IOException {
    return Files.readAllLines(Path.of("/proc", process, "cgroup"));
  }

  /** Gives its line to a shell, which starts processes until one has the number on that line. */
  private static final String AGAIN =
      """
      read pid
      for i in 1 2 3 4 5 6 7 8 9; do
        echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
        sleep 600 >/dev/null &
        [ $! != $pid ] || break
      done
      echo $!
      wait""";

  /** Ends a process, and gives the number of another, the same one unless somebody else has it. */
  private static long another(Process target, Process shell) {
    try {
      target.destroyForcibly().waitFor();
      shell.getOutputStream().write((target.pid() + "\n").getBytes(US_ASCII));
      shell.getOutputStream().flush();
      return Long.parseLong(shell.inputReader().readLine());
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void survivorOfALeader_isRefusedWithWhatToDo_andThatWorks() throws Exception {
    Process process = unit.target("sleep 600 & read end");
    RunContract.soon().until(() -> process.children().count() == 1);
    ProcessHandle survivor = process.children().findFirst().orElseThrow();
    AttachedJob job = attach(process);
    process.getOutputStream().close();
    assertThat(job.await().evidence().survivors()).hasValue(1);

    assertThat(governor.recover().leftovers())
        .anyMatch(it -> it.group().equals(unit.tree.group("memory", ID).toString()));
    Attachment asked = Attachment.of(survivor).jobId("survivor").limits(LIMITS);
    assertThatThrownBy(() -> governor.attach(asked))
        .isInstanceOf(AttachRefusedException.class)
        .hasMessageContaining("docs/attach.md");

    byHand(survivor.pid());
    AttachedJob again = governor.attach(asked);
    assertThat(again.receipt().allInForce()).isTrue();
    again.release();
    for (Path mount : unit.tree.mounts()) {
      assertThat(JobTree.pids(mount.resolve(unit.name))).containsExactly(survivor.pid());
    }
    survivor.destroyForcibly();
  }

  /** As docs/attach.md tells. */
  private void byHand(long pid) throws IOException {
    for (Path mount : unit.tree.mounts()) {
      Path top = mount.resolve(unit.name);
      for (Path each : List.of(top.resolve(HOME), top)) {
        Path controllers = each.resolve("cgroup.subtree_control");
        if (Files.exists(controllers)) {
          for (String name : Files.readString(controllers).strip().split(" ")) {
            Files.writeString(controllers, name.isEmpty() ? "" : "-" + name);
          }
        }
      }
      JobTree.move(pid, top);
      Files.deleteIfExists(top.resolve(HOME).resolve(ID));
      Files.deleteIfExists(top.resolve(HOME));
    }
  }
}
