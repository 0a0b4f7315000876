package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.AttachRefusedException;
import io.ffrtmp.governance.AttachRefusedException.Reason;
import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.GovernanceException;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Job;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Moved;
import io.ffrtmp.governance.Recovery;
import io.ffrtmp.governance.Recovery.Leftover;
import io.ffrtmp.governance.linux.libc.Errno;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every operation on cgroup files fails in turn while a process is attached to, let go of, released
 * and recovered: it lives, what is told of it is true, and afterwards everything can be undone.
 */
@Tag("kernel")
class AttachFaultsKernelTest {
  private static final String HOME = "ffrtmp-faults";
  private static final String ID = "stream";
  private static final Limits LIMITS =
      Limits.NONE.cpuMax(CpuMax.cores(1)).cpuWeight(200).memoryMaxBytes(1L << 30);

  private FaultyFiles files;
  private TargetUnit unit;
  private Process target;
  private Map<String, String> before;
  private int operations;
  private int untouched;

  /** What is done to the target while an operation fails. */
  private interface Act {
    void on(Governor faulty) throws IOException;
  }

  @BeforeEach
  void make() throws IOException {
    unit = new TargetUnit(HOME);
    files = new FaultyFiles("/proc/.*|.*/" + unit.name + "(/.*)?");
    target = unit.sleeper();
    before = unit.state();
  }

  @AfterEach
  void end() throws Exception {
    if (unit != null) {
      unit.close();
      RunContract.awaitWatchers(0);
    }
  }

  private Attachment attachment() {
    return Attachment.of(target.pid()).jobId(ID).limits(LIMITS);
  }

  private static int number(String errno) {
    return IntStream.range(1, 200)
        .filter(it -> Errno.name(it).equals(errno))
        .findFirst()
        .orElseThrow();
  }

  /** Lets each operation of the act fail in turn, and undoes everything without a fault. */
  private void eachFails(String errno, int least, Act before, Act act) throws Exception {
    operations = 0;
    for (int i = -1; i < operations; i++) { // at first none, to count them
      RunContract.awaitWatchers(0);
      int opened = HeldDescriptors.count();
      try (Governor faulty = LinuxGovernor.builder().directoryName(HOME).files(files).open()) {
        before.on(faulty);
        files.arm(i, number(errno));
        act.on(faulty);
        files.disarm();
        operations = Math.max(operations, files.operations().size());
        assertThat(target.isAlive()).as(what(errno)).isTrue();
      } finally {
        files.disarm();
      }
      RunContract.awaitWatchers(0);
      assertThat(HeldDescriptors.count()).as(what(errno)).isEqualTo(opened);
      undo(errno);
    }
    assertThat(operations).isGreaterThan(least);
    System.out.printf(
        "%s: %d operations failed in turn, %d refused%n", errno, operations, untouched);
  }

  private String what(String errno) {
    return files.failed() + " " + errno;
  }

  /** By the next governor: it takes over what is there, and releases it. */
  private void undo(String errno) throws IOException {
    try (Governor next = LinuxGovernor.builder().directoryName(HOME).open()) {
      Recovery found = next.recover();
      assertThat(found.jobs().size()).as(what(errno)).isLessThan(2);
      found.jobs().forEach(each -> ((AttachedJob) each).release());
      boolean unmarked = files.failed().startsWith("setmark"); // then we own it while we live
      for (Leftover each : found.leftovers()) {
        boolean ours = each.reason().contains("process " + ProcessHandle.current().pid());
        assertThat(unmarked && ours).as(what(errno) + each).isTrue();
        undoByHand();
      }
    }
    assertThat(unit.state()).as(what(errno)).isEqualTo(before);
    assertThat(target.isAlive()).as(what(errno)).isTrue();
  }

  /** As docs/attach.md tells an operator. */
  private void undoByHand() throws IOException {
    for (Path group : unit.tree.groups(ID)) {
      for (Path level : List.of(group.getParent(), group.getParent().getParent())) {
        Path handed = level.resolve("cgroup.subtree_control");
        if (Files.exists(handed)) {
          Files.writeString(handed, "-memory -cpu -io");
        }
      }
      JobTree.move(target.pid(), group.getParent().getParent());
      Files.delete(group);
      Files.delete(group.getParent());
    }
  }

  /** What is called in force is what the kernel's files show, and the target is there. */
  private void assertTruthful(AttachedJob job, String errno) throws IOException {
    for (LimitOutcome each : job.receipt().limits()) {
      String told = what(errno) + ": " + each;
      if (each.status().inForce()) {
        boolean memory = each.limit().wireName().startsWith("memory");
        Path group = unit.tree.group(memory ? "memory" : "cpu", ID);
        assertThat(JobTree.pids(group)).as(told).contains(target.pid());
      } else {
        assertThat(each.status()).as(told).isIn(Status.DENIED, Status.UNSUPPORTED);
        assertThat(each.cure()).as(told).isPresent();
        if (!files.failed().startsWith("read /proc/")) { // then nobody knows where it is
          assertThat(each.errno()).as(told).contains(errno);
        }
      }
    }
    if (job.receipt().moved().orElseThrow().processes() == 0) {
      assertThat(job.receipt().moved().orElseThrow().notMoved())
          .as(what(errno))
          .singleElement()
          .satisfies(it -> assertThat(it.reason()).as(what(errno)).contains(errno));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"EIO", "EACCES", "ENOENT", "EBUSY"})
  void attach_anyOperationFails_isTruthful_orRefusedWithEverythingAsItWas(String errno)
      throws Exception {
    eachFails(
        errno,
        10,
        faulty -> {},
        faulty -> {
          try {
            AttachedJob job = faulty.attach(attachment());
            files.disarm();
            assertTruthful(job, errno);
          } catch (GovernanceException refused) {
            files.disarm();
            untouched++;
            assertThat(faulty.jobs()).as(what(errno)).isEmpty();
            for (Path group : unit.groups()) { // what could not be removed is empty
              assertThat(JobTree.pids(group)).as(what(errno)).contains(target.pid());
            }
          }
        });
  }

  /** Another thread may take the last descriptor between two looks at the process. */
  @Test
  void attach_noDescriptorToReadWhatItIs_isNotToldAsEnded() {
    files = new FaultyFiles("/proc/" + target.pid() + "/status");
    try (Governor faulty = LinuxGovernor.builder().directoryName(HOME).files(files).open()) {
      files.arm(0, number("EMFILE"));
      assertThatThrownBy(() -> faulty.attach(attachment()))
          .isInstanceOfSatisfying(
              AttachRefusedException.class,
              e -> assertThat(e.reason()).isEqualTo(Reason.NO_DESCRIPTOR));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"EIO", "ENOENT"})
  void detach_anyOperationFails_letsGo_andLimitsStay(String errno) throws Exception {
    eachFails(
        errno,
        10,
        faulty -> faulty.attach(attachment()),
        faulty -> {
          JobResult result = faulty.jobs().get(0).detach();
          files.disarm();
          assertThat(result.workloadEnded()).as(what(errno)).isFalse();
          assertThat(faulty.jobs()).as(what(errno)).isEmpty();
          assertThat(JobTree.pids(unit.tree.group("memory", ID)))
              .as(what(errno))
              .containsExactly(target.pid());
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"EIO", "EBUSY"})
  void release_anyOperationFails_putsBack_orSaysWhoIsNot(String errno) throws Exception {
    eachFails(
        errno,
        10,
        faulty -> faulty.attach(attachment()),
        faulty -> {
          JobResult result = ((AttachedJob) faulty.jobs().get(0)).release();
          files.disarm();
          assertThat(result.workloadEnded()).as(what(errno)).isFalse();
          boolean back = true;
          for (Path group : unit.groups()) {
            back &= JobTree.pids(group).contains(target.pid());
          }
          boolean told = !result.receipt().moved().orElseThrow().notMoved().isEmpty();
          assertThat(back || told).as(what(errno)).isTrue();
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"EIO", "ENOENT"})
  void recover_anyOperationFails_takesIt_orLeavesIt(String errno) throws Exception {
    eachFails(
        errno,
        10,
        faulty -> faulty.attach(attachment()).detach(),
        faulty -> {
          List<Job> jobs = faulty.recover().jobs();
          files.disarm();
          assertThat(jobs.size()).as(what(errno)).isLessThan(2);
          assertThat(faulty.jobs()).as(what(errno)).isEqualTo(jobs);
          jobs.forEach(Job::detach);
        });
  }

  @Test
  void attach_threadsOfSeveralGroupsCantBeLookedAt_isRefused_andNoneIsMoved() throws Exception {
    assumeTrue(!unit.tree.unified("cpu"), "threads can be spread on cgroup v1 only");
    Path elsewhere = Files.createDirectory(unit.groups().get(0).resolve("elsewhere"));
    try (SecondJvm jvm = SecondJvm.of(AttachLife.class).start()) {
      jvm.hear("up");
      for (Path group : unit.groups()) {
        JobTree.move(jvm.pid(), group);
      }
      Files.writeString(elsewhere.resolve("tasks"), "" + jvm.pid()); // its first thread alone
      before = unit.state();
      files = new FaultyFiles("/proc/" + jvm.pid() + "/task.*");
      try (Governor faulty = LinuxGovernor.builder().directoryName(HOME).files(files).open()) {
        for (int i = -1; i < operations; i++) {
          files.arm(i, Errno.EMFILE);
          Reason reason = i < 0 ? Reason.THREADS_SPREAD : Reason.NO_DESCRIPTOR;
          assertThatThrownBy(() -> faulty.attach(Attachment.of(jvm.pid()).limits(LIMITS)))
              .isInstanceOfSatisfying(
                  AttachRefusedException.class,
                  e -> assertThat(e.reason()).as(what("EMFILE")).isEqualTo(reason));
          operations = Math.max(operations, files.operations().size());
          assertThat(unit.state()).as(what("EMFILE")).isEqualTo(before);
          assertThat(Files.readString(elsewhere.resolve("tasks")).strip())
              .as(what("EMFILE"))
              .isEqualTo("" + jvm.pid());
        }
        assertThat(operations).isGreaterThan(3);
      }
    }
  }

  @Test
  void attach_descendantCantBeLookedAt_isMovedOrTold() throws Exception {
    Process parent = unit.target("sleep 600 & wait");
    RunContract.soon().until(() -> parent.children().findAny().isPresent());
    long child = parent.children().findAny().orElseThrow().pid();
    target.destroyForcibly().waitFor();
    before = unit.state();
    target = parent;
    files = new FaultyFiles("/proc/" + child + "/.*");
    eachFails(
        "EMFILE",
        3,
        faulty -> {},
        faulty -> {
          AttachedJob job = faulty.attach(attachment());
          files.disarm();
          assertThat(files.operations()).contains("read /proc/" + child + "/stat");
          Moved moved = job.receipt().moved().orElseThrow();
          assertThat(moved.processes() + moved.notMoved().size()).as(what("EMFILE")).isEqualTo(2);
        });
  }
}
