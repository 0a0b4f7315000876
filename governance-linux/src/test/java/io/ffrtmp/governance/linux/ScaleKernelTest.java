package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.ffrtmp.governance.AttachRefusedException;
import io.ffrtmp.governance.AttachRefusedException.Reason;
import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.ExitStatus.Cause;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.ExitStatus.Unknown;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Verdict;
import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * More jobs than there are descriptors for, watched by one thread of a second JVM. The system
 * property {@code governance.test.jobs} tells how many; by default 2,000.
 */
@Tag("kernel")
class ScaleKernelTest {
  private static final int JOBS = Integer.getInteger("governance.test.jobs", 2_000);
  private static final int ROOT = 0;
  private static final int NOBODY = 65_534;

  /** What a JVM may need for itself of the descriptors, one for each job, that it is given. */
  private static final int ITS_OWN = 500;

  /** A parent that reaps; its children all end at once, with 7, when it reads a second line. */
  private static final String FAMILY =
      """
      use POSIX;
      my $count = shift;
      <STDIN>;
      $| = 1;
      pipe my $held, my $end;
      for (1 .. $count) {
        my $pid = fork // die "fork: $!";
        if (!$pid) { close $end; sysread $held, my $nothing, 1; POSIX::_exit(7) }
        print "$pid\\n";
      }
      print "all\\n";
      <STDIN>;
      close $end;
      1 while wait != -1;
      """;

  @TempDir Path dir;
  private TargetUnit unit;

  @BeforeEach
  void make() throws Exception {
    LinuxHost.assumeProgram("perl");
    LinuxHost.assumeProgram("prlimit");
    unit = new TargetUnit();
  }

  @AfterEach
  void end() throws Exception {
    if (unit != null) {
      unit.close();
    }
  }

  /** The main class of the second JVM: attaches to the processes that a file lists. */
  static final class Attacher {
    private final Deque<AttachedJob> jobs = new ArrayDeque<>();
    private int refused;

    public static void main(String[] args) throws Exception {
      try (Governor governor = LinuxGovernor.builder().open()) {
        boolean told = LinuxHost.tellsStrangers(governor);
        new Attacher().life(governor, Files.readAllLines(Path.of(args[0])), told);
      }
    }

    private void life(Governor governor, List<String> pids, boolean told) throws Exception {
      governor.attach(Attachment.of(Long.parseLong(pids.get(0)))).release();
      int descriptors = HeldDescriptors.count();
      int threads = Thread.getAllStackTraces().size();
      long begin = System.nanoTime();
      for (String pid : pids) {
        attach(governor, Attachment.of(Long.parseLong(pid)));
      }
      long attached = System.nanoTime();
      assertThat(Thread.getAllStackTraces()).as("threads").hasSize(threads);
      assertThat(RunContract.threads("governance-")).hasSize(1);
      for (int i = 0; i < 10; i++) { // to count descriptors takes some
        jobs.pop().release();
      }
      assertThat(HeldDescriptors.count()).isEqualTo(descriptors + jobs.size());
      assertThat(governor.jobs()).hasSize(jobs.size());
      SecondJvm.tell("attached " + jobs.size());
      int unreaped = 0; // the one parent of all may take too long on a busy host
      for (AttachedJob each : jobs) {
        JobResult result = each.await();
        if (result.exitStatus().equals(Optional.of(new Unknown(Cause.UNREAPED)))) {
          unreaped++;
          continue;
        }
        assertThat(result.verdict()).as("%s", result).isEqualTo(Verdict.OBSERVED_TO_COMPLETION);
        if (told) {
          assertThat(result.exitStatus()).as("%s", result).contains(new Exited(7));
        }
      }
      assertThat(unreaped).isLessThan(jobs.size() / 2);
      assertThat(RunContract.threads("governance-")).hasSizeBetween(1, 5);
      assertThat(governor.jobs()).isEmpty();
      assertThat(HeldDescriptors.count()).isEqualTo(descriptors);
      SecondJvm.tell(
          "ended: one watcher thread and at most four more, one descriptor a job and none after;"
              + " attached in "
              + TimeUnit.NANOSECONDS.toMillis(attached - begin)
              + " ms, "
              + refused
              + " refused for want of a descriptor");
    }

    private void attach(Governor governor, Attachment attachment) {
      AttachRefusedException refusal =
          catchThrowableOfType(
              AttachRefusedException.class, () -> jobs.push(governor.attach(attachment)));
      if (refusal != null) {
        assertThat(refusal.reason()).as("%s", refusal).isEqualTo(Reason.NO_DESCRIPTOR);
        refused++;
      } else if (jobs.size() % 500 == 0) {
        SecondJvm.tell("so far " + jobs.size());
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {ROOT, NOBODY})
  void attach_toMoreThanThereAreDescriptorsFor_refusesTheRestAndConcludesAll(int user)
      throws Exception {
    Process family = unit.target(new ProcessBuilder("perl", "-e", FAMILY, "" + JOBS));
    BufferedReader lines = family.inputReader();
    List<String> pids = lines.lines().takeWhile(line -> !line.equals("all")).toList();
    assertThat(pids).hasSize(JOBS);
    Path file = Files.write(dir.resolve("pids"), pids);
    dir.toFile().setExecutable(true, false);
    file.toFile().setReadable(true, false);
    SecondJvm.Launch launch =
        SecondJvm.of(Attacher.class, file)
            .option("-Xmx512m")
            .with("org.slf4j.simpleLogger.defaultLogLevel", "error")
            .by("prlimit", "--nofile=" + JOBS + ":" + JOBS);
    try (SecondJvm jvm = (user == ROOT ? launch : launch.as(user)).start()) {
      int attached = nextCount(jvm);
      assertThat(attached).isBetween(JOBS - ITS_OWN, JOBS - 1);
      family.getOutputStream().write('\n');
      family.getOutputStream().flush();
      long begin = System.nanoTime();
      String told = jvm.hear("ended");
      System.out.printf(
          "user %d, %d of %d attached%s; all concluded %d ms after they were ended%n",
          user, attached, JOBS, told, TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin));
      assertThat(jvm.awaitEnd()).as("%s", jvm).isZero();
    }
    assertThat(unit.tree.everything()).isEmpty();
  }

  /** It is patient for each five hundred of them. */
  private static int nextCount(SecondJvm jvm) throws InterruptedException {
    for (int i = 0; i < JOBS / 500 - 1; i++) {
      jvm.hear("so far");
    }
    return Integer.parseInt(jvm.hear("attached"));
  }
}
