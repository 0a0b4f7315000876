package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.ffrtmp.governance.Ending.Detached;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.ExitStatus.Signalled;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Job;
import io.ffrtmp.governance.JobIdInUseException;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.ResourceUsage.Counter;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import io.ffrtmp.governance.linux.cgroup.Mark;
import io.ffrtmp.governance.linux.cgroup.ProcessKey;
import io.ffrtmp.governance.linux.process.ProcStat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What a job that was started here can be asked, and told. */
@Tag("kernel")
class StartedJobKernelTest extends RunContract {
  private final Set<Path> asides = new HashSet<>();

  @Test
  void facts_ofARunningJob_areTheKernels() throws Exception {
    Instant before = Instant.now().truncatedTo(ChronoUnit.MICROS);
    StartedJob job = startReady(held("ready").jobId("facts").intent("test"), "ready");
    assertThat(job.id()).isEqualTo("facts");
    assertThat(job.mode()).isEqualTo(Mode.RUN);
    assertThat(job.intent()).contains("test");
    assertThat(job.startTime()).isBetween(before, Instant.now());
    assertThat(tree.members("memory", "facts")).contains(job.pid());
    assertThat(governor.jobs()).extracting(Job::id).containsExactly("facts");

    job.signal(Signal.TERM);
    JobResult result = job.await();
    assertThat(result.start().jobId()).isEqualTo("facts");
    assertThat(result.pid()).hasValue(job.pid());
    assertThat(result.start().intent()).contains("test");
    assertThat(result.start().startTime()).isEqualTo(job.startTime());
    assertThat(governor.jobs()).isEmpty();
    assertThat(JobResult.fromJson(result.toJson())).isEqualTo(result);
  }

  @Test
  void signal_term_reachesTheLeadersTrap() throws Exception {
    StartedJob job =
        startReady(
            sh("trap 'echo got >> log; exit 7' TERM; : > ready; while :; do sleep 0.02; done"),
            "ready");
    assertThat(job.signal(Signal.TERM)).isTrue();
    JobResult result = job.await();
    assertThat(result.exitStatus()).contains(new Exited(7));
    assertThat(dir.resolve("log")).hasContent("got");
    assertThat(job.signal(Signal.TERM)).as("after the end").isFalse();
    assertThat(job.kill()).as("after the end").isEmpty();
  }

  @Test
  void kill_ofAJobWhoseGroupIsAnothersByNow_sparesThat() throws Exception {
    StartedJob job = governor.start(Workload.of("sleep", "600").jobId("twice"));
    for (Path group : tree.groups("twice")) {
      takeAside(job, group);
      soon().ignoreExceptions().until(() -> Files.deleteIfExists(group)); // v1 lags behind
    }
    StartedJob second = open(LinuxGovernor.builder()).start(held("again").jobId("twice"));
    assertThat(job.kill()).isEmpty();
    assertThat(job.await(PATIENCE).orElseThrow().exitStatus())
        .contains(new Signalled(Signal.KILL, false));
    assertThat(JobTree.alive(second.pid())).isTrue();
    Path primary = tree.group("memory", "twice");
    byte[] mark = CgroupFiles.kernel().mark(primary.toString()).orElseThrow();
    assertThat(Mark.parse(mark).flatMap(Mark::leader).map(ProcessKey::pid))
        .contains((int) second.pid());
    assertThat(second.signal(Signal.TERM)).isTrue();
    second.await(PATIENCE).orElseThrow();
  }

  /** Another JVM has made and marked it, and spawns. */
  @Test
  void kill_ofAJobWhoseGroupAnotherGovernorMakesAnew_sparesThat() throws Exception {
    StartedJob job = governor.start(Workload.of("sleep", "600").jobId("twice"));
    Process other = new ProcessBuilder("sleep", "600").start();
    CgroupFiles files = CgroupFiles.kernel();
    for (Path group : tree.groups("twice")) {
      takeAside(job, group);
      soon().ignoreExceptions().until(() -> Files.deleteIfExists(group)); // v1 lags behind
      files.mkdir(group.toString());
      JobTree.move(other.pid(), group);
    }
    files.mark(tree.group("memory", "twice").toString(), markOwnedBy(other));

    assertThat(job.kill()).isEmpty();
    assertThat(job.await(PATIENCE).orElseThrow().exitStatus())
        .contains(new Signalled(Signal.KILL, false));
    other.destroy();
    assertThat(other.waitFor()).as("by SIGTERM, not by SIGKILL").isEqualTo(128 + 15);
  }

  /** The same, before it has spawned; and a detached one must not rewrite its mark either. */
  @Test
  void end_ofAJobWhoseGroupAnotherGovernorMakesAnew_sparesThat() throws Exception {
    CgroupFiles files = CgroupFiles.kernel();
    Process other = new ProcessBuilder("sleep", "600").start(); // stands for its JVM
    for (boolean detach : new boolean[] {true, false}) {
      StartedJob job = governor.start(sh("exec sleep 600").limits(memory(64)).jobId("twice"));
      for (Path group : tree.groups("twice")) {
        takeAside(job, group);
        soon().ignoreExceptions().until(() -> Files.deleteIfExists(group)); // v1 lags behind
        files.mkdir(group.toString());
      }
      String primary = tree.group("memory", "twice").toString();
      byte[] mark = markOwnedBy(other);
      files.mark(primary, mark);
      if (!detach) {
        job.signal(Signal.KILL);
      }
      JobResult result = detach ? job.detach() : job.await(PATIENCE).orElseThrow();

      assertThat(files.mark(primary).orElseThrow()).isEqualTo(mark);
      assertThat(tree.existing("twice")).hasSameSizeAs(tree.groups("twice"));
      assertThat(result.usage().get(Counter.MEMORY_PEAK_BYTES)).isEmpty();
      assertThat(result.verdict()).isEqualTo(Verdict.LIMITS_LOST);
      ProcessHandle.of(job.pid()).ifPresent(ProcessHandle::destroyForcibly);
      for (Path group : tree.groups("twice")) {
        soon().ignoreExceptions().until(() -> Files.deleteIfExists(group));
      }
    }
    other.destroyForcibly().waitFor();
  }

  /** Out of its group, as somebody else could do by hand. */
  private void takeAside(StartedJob job, Path group) throws IOException {
    Path aside = group.resolveSibling("../" + name + "-aside").normalize();
    asides.add(aside);
    JobTree.move(job.pid(), Files.createDirectories(aside));
  }

  @AfterEach
  void removeAsides() {
    for (Path each : asides) {
      soon()
          .ignoreExceptions()
          .until(() -> JobTree.pids(each).isEmpty() && Files.deleteIfExists(each));
    }
  }

  private static byte[] markOwnedBy(Process process) {
    ProcessKey self = ProcessKey.self();
    long since = ProcStat.read((int) process.pid()).orElseThrow().startTime();
    ProcessKey owner = new ProcessKey((int) process.pid(), since, self.boot(), self.namespace());
    Map<String, String> fields =
        new LinkedHashMap<>(Mark.of("twice", Mode.RUN, Optional.empty(), Limits.NONE).fields());
    fields.put("owner", owner.toString());
    return new Mark(fields).encode();
  }

  @Test
  void signal_stopAndContinue_areTheLeadersAlone() throws Exception {
    StartedJob job = startReady(held("ready"), "ready");
    job.signal(Signal.STOP);
    soon().until(() -> JobTree.state(job.pid()).orElseThrow() == 'T');
    assertThat(governor.jobs()).hasSize(1);
    job.signal(Signal.CONT);
    soon().until(() -> JobTree.state(job.pid()).orElseThrow() != 'T');
    job.signal(Signal.TERM);
    assertThat(job.await().exitStatus()).contains(new Exited(0));
  }

  @Test
  void kill_groupWithSessionsOfTheirOwn_endsEveryProcess() throws Exception {
    String many =
        "trap '' TERM HUP INT; sleep 600 & setsid sleep 600 & (setsid sh -c 'sleep 600 & wait' &);"
            + " : > ready; wait";
    StartedJob job = startReady(sh(many).jobId("many"), "ready");
    soon().until(() -> tree.members("memory", "many").size() == 5);
    List<Long> members = tree.members("memory", "many");

    assertThat(job.kill()).isEmpty();
    JobResult result = job.await();
    assertThat(result.exitStatus()).contains(new Signalled(Signal.KILL, false));
    soon().until(() -> members.stream().noneMatch(JobTree::alive));
    assertNoGroupSoon("many");
  }

  @Test
  void kill_processInASubgroupOfItsOwn_endsItToo() throws Exception {
    StartedJob job =
        startReady(
            sh("g="
                    + tree.group("memory", "sub")
                    + "/x; mkdir $g; sleep 600 & echo $! > $g/cgroup.procs; : > ready; wait")
                .jobId("sub"),
            "ready");
    List<Long> inner = JobTree.pids(tree.group("memory", "sub").resolve("x"));
    assertThat(inner).hasSize(1);
    assertThat(job.kill()).isEmpty();
    job.await();
    soon().until(() -> inner.stream().noneMatch(JobTree::alive));
    assertNoGroupSoon("sub");
  }

  @Test
  void kill_leaderMovedOutByOthers_endsItToo() throws Exception {
    StartedJob job = startReady(held("ready").jobId("moved"), "ready");
    String elsewhere = name + "-elsewhere";
    tree.make(elsewhere);
    try {
      for (Path mount : tree.mounts()) {
        JobTree.move(job.pid(), mount.resolve(elsewhere));
      }
      assertThat(job.kill()).isEmpty();
      assertThat(job.await(PATIENCE).orElseThrow().exitStatus())
          .contains(new Signalled(Signal.KILL, false));
    } finally {
      tree.remove(elsewhere);
    }
  }

  @Test
  void kill_forkingWorkload_endsInBoundedTime() throws Exception {
    StartedJob job =
        startReady(
            sh("for i in 1 2 3; do (while :; do sh -c : ; done) & done; : > ready; wait")
                .jobId("forks"),
            "ready");
    runFor(job, Duration.ofMillis(100));
    List<Long> alive = job.kill();
    JobResult result = job.await();
    assertThat(result.exitStatus()).contains(new Signalled(Signal.KILL, false));
    if (alive.isEmpty()) { // what is left otherwise is told, and is the caller's to kill
      assertNoGroupSoon("forks");
    }
  }

  @Test
  void detach_runningJob_freezesAResultAndTheWorkloadGoesOnInsideItsLimits() throws Exception {
    StartedJob job = startReady(held("ready").limits(memory(64)).jobId("left"), "ready");
    JobResult result = job.detach();
    assertThat(result.ending()).isEqualTo(new Detached());
    assertThat(result.workloadEnded()).isFalse();
    assertThat(result.exitStatus()).isEmpty();
    assertThat(result.verdict()).isEqualTo(Verdict.DETACHED_WORKLOAD_CONTINUES);
    assertThat(job.detach()).as("again").isSameAs(result);
    assertThat(job.await()).isSameAs(result);
    assertThat(governor.jobs()).isEmpty();

    assertThat(JobTree.alive(job.pid())).isTrue();
    assertThat(tree.members("memory", "left")).contains(job.pid());
    assertThat(tree.read("memory", "left", "memory.max", "memory.limit_in_bytes"))
        .isEqualTo(Long.toString(64 << 20));
    assertThat(job.signal(Signal.TERM)).as("a detached job").isFalse();
    assertThat(job.kill()).as("a detached job").isEmpty();
    assertThat(JobTree.alive(job.pid())).isTrue();
    assertThatThrownBy(() -> governor.start(held("second").jobId("left")))
        .isInstanceOf(JobIdInUseException.class);
    assertThat(JobTree.alive(job.pid())).isTrue();

    ProcessHandle.of(job.pid()).orElseThrow().destroy();
    soon().untilAsserted(() -> assertThat(JobTree.state(job.pid())).as("reaped").isEmpty());
    assertThat(job.await().ending()).as("frozen").isEqualTo(new Detached());
  }

  @Test
  void detach_groupEmptiedLater_givesTheIdBack() throws Exception {
    StartedJob job = startReady(held("ready").jobId("again"), "ready");
    job.detach();
    ProcessHandle.of(job.pid()).orElseThrow().destroy();
    soon().untilAsserted(() -> assertThat(JobTree.state(job.pid())).isEmpty());
    soon().until(() -> tree.members("memory", "again").isEmpty());
    assertThat(governor.run(sh("exit 4").jobId("again")).exitStatus()).contains(new Exited(4));
  }

  @Test
  void detach_racingWithTheEnd_givesOneResultToAll() throws Exception {
    for (int i = 0; i < 100; i++) {
      StartedJob job = governor.start(sh("exit 0").jobId("race-" + i));
      CompletableFuture<JobResult> exit = job.onExit();
      JobResult detached = job.detach();
      assertThat(job.await()).isSameAs(detached);
      assertThat(exit.join()).isSameAs(detached);
    }
    soon().untilAsserted(() -> assertThat(JobTree.children()).isEmpty());
    for (int i = 0; i < 100; i++) {
      assertNoGroupSoon("race-" + i);
    }
  }

  /** The watcher sees that end while the mark still names this JVM as the owner. */
  @Test
  void detach_endsBeforeItIsDisowned_leavesNoGroup() throws Exception {
    List<Runnable> end = new ArrayList<>();
    CgroupFiles files =
        Seam.files("before mark (?!.*owner=).*ID .*", 1, "late", () -> end.get(0).run());
    Governor seamed = open(LinuxGovernor.builder().files(files));
    StartedJob job = seamed.start(sh("exec sleep 600").jobId("late"));
    end.add(
        () -> {
          ProcessHandle.of(job.pid()).orElseThrow().destroyForcibly();
          soon().until(() -> JobTree.state(job.pid()).isEmpty());
          seamed.start(sh("exit 0")).onExit().join(); // the watcher is through with the first
        });
    assertThat(job.detach().ending()).isEqualTo(new Detached());
    assertNoGroupSoon("late");
  }

  /** Whoever makes a group, or looks for leftovers, holds the home; a stopped one for long. */
  @Test
  @SuppressWarnings("try") // the lock is held, not used
  void detach_homeIsHeldWhenItEnds_leavesNoGroupAndHoldsUpNobody() throws Exception {
    CountDownLatch waited = new CountDownLatch(1);
    CgroupFiles files = Seam.files("before lock .* true", 3, "", waited::countDown);
    Governor seamed = open(LinuxGovernor.builder().files(files));
    StartedJob job = seamed.start(sh("exec sleep 600").jobId("held-up"));
    StartedJob other = seamed.start(sh("exec sleep 600").jobId("other"));
    String home = tree.group("memory", "held-up").getParent().toString();
    job.detach();
    try (CgroupFiles.Lock held = CgroupFiles.kernel().lock(home, true)) {
      ProcessHandle.of(job.pid()).orElseThrow().destroyForcibly();
      soon().until(() -> waited.getCount() == 0); // somebody waits for the home
      other.signal(Signal.KILL);
      other.await(PATIENCE).orElseThrow();
      assertThat(tree.existing("held-up")).isNotEmpty();
    }
    assertNoGroupSoon("held-up");
  }

  @Test
  void detach_afterTheEnd_isTheRealEnding() throws Exception {
    StartedJob job = governor.start(sh("exit 9"));
    job.await();
    assertThat(job.detach().exitStatus()).contains(new Exited(9));
  }

  @Test
  void close_runningJobs_detachesThemAllAndNothingStartsAfterwards() throws Exception {
    StartedJob job = startReady(held("ready").jobId("closed"), "ready");
    CompletableFuture<JobResult> exit = job.onExit();
    governor.close();
    governor.close();
    assertThat(exit.join().verdict()).isEqualTo(Verdict.DETACHED_WORKLOAD_CONTINUES);
    assertThat(job.await()).isSameAs(exit.join());
    assertThat(JobTree.alive(job.pid())).isTrue();
    assertThat(tree.members("memory", "closed")).contains(job.pid());
    assertThat(governor.jobs()).isEmpty();
    assertThatThrownBy(() -> governor.start(sh(": > ran")))
        .isInstanceOf(IllegalStateException.class);
    assertThat(dir.resolve("ran")).doesNotExist();

    ProcessHandle.of(job.pid()).orElseThrow().destroy();
    soon().untilAsserted(() -> assertThat(JobTree.state(job.pid())).as("reaped").isEmpty());
  }

  @Test
  void close_manyRunningJobs_isQuickAndEachHasItsResult() throws Exception {
    List<StartedJob> jobs = new ArrayList<>();
    long from = System.nanoTime();
    for (int i = 0; i < 200 / LinuxHost.SLOWNESS; i++) {
      jobs.add(governor.start(sh("exec sleep 600")));
    }
    long started = System.nanoTime();
    governor.close();
    long quick = Math.max(started - from, 3_000_000_000L); // the host may be slow at both
    assertThat(System.nanoTime() - started).isLessThan(quick);
    for (StartedJob job : jobs) {
      assertThat(job.onExit().getNow(null).ending()).isEqualTo(new Detached());
      assertThat(JobTree.alive(job.pid())).isTrue();
    }
  }

  @Test
  void close_interruptedThread_detachesAllTheSame() throws Exception {
    StartedJob job = startReady(held("ready"), "ready");
    Thread.currentThread().interrupt();
    governor.close();
    assertThat(Thread.interrupted()).as("the flag is kept").isTrue();
    assertThat(job.await().ending()).isEqualTo(new Detached());
  }
}
