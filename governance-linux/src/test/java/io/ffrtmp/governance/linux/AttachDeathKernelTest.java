package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Job;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Recovery;
import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A JVM dies while it attaches or releases, at any instant. The target goes on; the next governor
 * finds nothing, or a job that it can release; afterwards the host is as it was.
 */
@Tag("kernel")
class AttachDeathKernelTest {
  private static final String HOME = "ffrtmp-death";
  private static final String ID = "stream";

  /** An instant, known by what is done to the cgroup files before or after it. */
  enum Instant {
    HOME("after mkdir .*/ffrtmp-death", 1, false),
    UNMARKED("before mark .*ID .*", 1, false),
    MARKED("after mark .*ID .*", 1, false),
    HALF_MADE("after mkdir .*/ID", 1, false),
    MADE("before lock .*/ffrtmp-death .*", 2, false),
    MOVING("before write .*ID/cgroup\\.procs .*", 1, false),
    HALF_MOVED("before write .*ID/cgroup\\.procs .*", 2, true),
    MOVED("after write .*[/,]cpuacct/.*ID/cgroup\\.procs .*", 1, true),
    FIRST_LIMIT("before write .*ID/(cpu|memory)\\..*", 1, true),
    SECOND_LIMIT("before write .*ID/memory\\..*", 1, true),
    LIMITED("before mark .*ID .*moved=.*", 1, true),
    TOLD("after mark .*ID .*moved=.*", 1, true),
    RELEASING("before write UNIT/cgroup\\.procs .*", 1, true),
    HALF_RELEASED("before write UNIT/cgroup\\.procs .*", 2, true),
    RELEASED("before rmdir .*ID", 1, false),
    HALF_REMOVED("before rmdir .*ID", 2, false),
    REMOVED("before rmdir .*/ffrtmp-death", 1, false);

    private final String event;
    private final int occurrence;

    /** Whether a job is left that the next governor can take over. */
    private final boolean job;

    Instant(String event, int occurrence, boolean job) {
      this.event = event;
      this.occurrence = occurrence;
      this.job = job;
    }
  }

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

  /** The main class of the second JVM: attaches and releases, and stops at an instant. */
  static final class Attacher {
    public static void main(String[] args) throws Exception {
      Instant at = Instant.valueOf(args[1]);
      String event = at.event.replace("UNIT", ".*/" + args[2]);
      CgroupFiles files = Seam.files(event, at.occurrence, ID, Attacher::stop);
      try (Governor governor = LinuxGovernor.builder().directoryName(HOME).files(files).open()) {
        Limits limits = Limits.NONE.cpuMax(CpuMax.cores(1)).memoryMaxBytes(1L << 30);
        Attachment target = Attachment.of(Long.parseLong(args[0]));
        governor.attach(target.jobId(ID).limits(limits)).release();
      }
      SecondJvm.tell("instant never came");
    }

    private static void stop() {
      SecondJvm.tell("instant is now");
      while (true) {
        LockSupport.park();
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void jvmDies_targetGoesOn_andTheNextGovernorPutsEverythingBack(Instant at) throws Exception {
    Process target = unit.sleeper();
    Map<String, String> before = unit.state();
    try (SecondJvm jvm = SecondJvm.of(Attacher.class, target.pid(), at, unit.name).start()) {
      boolean came = jvm.hear("instant").equals("is now");
      assumeTrue(came || unit.tree.mounts().size() > 1, "no " + at + " with one hierarchy");
      assertThat(came).as("%s", jvm).isTrue();
      jvm.kill();
    }
    assertThat(target.isAlive()).isTrue();
    try (Governor next = LinuxGovernor.builder().directoryName(HOME).open()) {
      Recovery found = next.recover();
      assertThat(found.leftovers()).isEmpty();
      assertThat(found.ended()).isEmpty();
      List<Job> jobs = found.jobs();
      assertThat(jobs).hasSize(at.job ? 1 : 0);
      for (Job each : jobs) {
        assertThat(each.pid()).isEqualTo(target.pid());
        assertThat(((AttachedJob) each).release().receipt().limits())
            .hasSize(2)
            .allMatch(it -> it.status() != Status.LOST, "nobody else has changed it")
            .allMatch(it -> it.status() != Status.DENIED || it.get(Detail.WRITTEN).isEmpty());
      }
    }
    assertThat(unit.state()).isEqualTo(before);
    assertThat(target.isAlive()).isTrue();
  }
}
