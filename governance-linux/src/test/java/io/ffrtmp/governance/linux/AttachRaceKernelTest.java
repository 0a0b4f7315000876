package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.ffrtmp.governance.AttachRefusedException;
import io.ffrtmp.governance.AttachRefusedException.Reason;
import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Two attach to one process at once: one has it, the other is told who, and nobody takes it back.
 */
@Tag("kernel")
class AttachRaceKernelTest {
  private static final String HOME = "ffrtmp-race";
  private static final int ROUNDS = 20;
  private static final Limits LIMITS = Limits.NONE.cpuMax(CpuMax.cores(1)).memoryMaxBytes(1L << 30);

  private TargetUnit unit;

  @BeforeEach
  void make() throws IOException {
    unit = new TargetUnit(HOME);
  }

  @AfterEach
  void end() throws Exception {
    if (unit != null) {
      unit.close();
      RunContract.awaitWatchers(0);
    }
  }

  private static Attachment of(long pid, String id) {
    return Attachment.of(pid).jobId(id).limits(LIMITS);
  }

  /** The main class of a second JVM: attaches and releases as it is told. */
  static final class Rival {
    public static void main(String[] args) throws Exception {
      BufferedReader words = new BufferedReader(new InputStreamReader(System.in));
      try (Governor governor = LinuxGovernor.builder().directoryName(HOME).open()) {
        SecondJvm.tell("open");
        for (String pid = words.readLine(); pid != null; pid = words.readLine()) {
          attach(governor, of(Long.parseLong(pid), args[0]), words);
        }
      }
    }

    private static void attach(Governor governor, Attachment attachment, BufferedReader words)
        throws IOException {
      try {
        AttachedJob job = governor.attach(attachment);
        SecondJvm.tell("outcome has it " + job.receipt().allInForce());
        words.readLine();
        job.release();
        SecondJvm.tell("released");
      } catch (AttachRefusedException e) {
        SecondJvm.tell("outcome " + e.reason() + " " + e.getMessage());
      }
    }
  }

  @Test
  void twoJvms_atOnce_oneHasIt_theOtherIsToldSo() throws Exception {
    Process target = unit.sleeper();
    Map<String, String> before = unit.state();
    try (SecondJvm one = SecondJvm.of(Rival.class, "one").start();
        SecondJvm other = SecondJvm.of(Rival.class, "other").start()) {
      one.hear("open");
      other.hear("open");
      for (int i = 0; i < ROUNDS; i++) {
        one.say("" + target.pid());
        other.say("" + target.pid());
        String first = one.hear("outcome");
        String second = other.hear("outcome");
        boolean oneHasIt = first.equals("has it true");
        assertThat(oneHasIt ? second : first)
            .as("%s and %s", first, second)
            .startsWith(Reason.ALREADY_GOVERNED.name())
            .contains("process " + (oneHasIt ? one : other).pid() + " governs");
        assertThat(oneHasIt ? first : second).isEqualTo("has it true");
        for (Path group : unit.tree.groups(oneHasIt ? "one" : "other")) {
          assertThat(JobTree.pids(group)).containsExactly(target.pid());
        }
        (oneHasIt ? one : other).say("release");
        (oneHasIt ? one : other).hear("released");
        assertThat(unit.state()).isEqualTo(before);
      }
    }
    assertThat(target.isAlive()).isTrue();
  }

  @Test
  void attachedByAnother_betweenTheLookAndTheMove_isLeftToIt() throws Exception {
    Process target = unit.sleeper();
    Map<String, String> before = unit.state();
    AtomicReference<AttachedJob> first = new AtomicReference<>();
    List<Runnable> once = new ArrayList<>();
    CgroupFiles files =
        Seam.files("before lock .*/ffrtmp-race .*", 2, "late", () -> once.forEach(Runnable::run));
    try (Governor governor = LinuxGovernor.builder().directoryName(HOME).open();
        Governor late = LinuxGovernor.builder().directoryName(HOME).files(files).open()) {
      once.add(() -> first.set(governor.attach(of(target.pid(), "first"))));
      AttachRefusedException refusal =
          catchThrowableOfType(
              AttachRefusedException.class, () -> late.attach(of(target.pid(), "late")));
      assertThat(refusal.reason()).isEqualTo(Reason.ALREADY_GOVERNED);
      assertThat(refusal).hasMessageContaining("first");
      assertThat(late.jobs()).isEmpty();
      for (Path group : unit.tree.groups("first")) {
        assertThat(JobTree.pids(group)).containsExactly(target.pid());
      }
      assertThat(unit.tree.existing("late")).isEmpty();
      assertThat(first.get().release().receipt().allInForce()).isTrue();
      assertThat(unit.state()).isEqualTo(before);
    }
  }
}
