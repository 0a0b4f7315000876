package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.ExitStatus.Signalled;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Pidfd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How workloads end, and what is left of their groups then. */
@Tag("kernel")
class EndKernelTest extends RunContract {

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 42, 125, 126, 127, 128, 137, 254, 255})
  void exitCode_any_isExact(int code) throws Exception {
    JobResult result = governor.run(sh("exit " + code));
    assertThat(result.exitStatus()).contains(new Exited(code));
    assertThat(result.workloadEnded()).isTrue();
    assertThat(result.evidence().survivors().orElseThrow()).isZero();
    assertThat(result.verdict())
        .isEqualTo(code == 0 ? Verdict.SUCCESS : Verdict.WORKLOAD_FAILED_PLATFORM_OK);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 6, 9, 11, 13, 14, 15, 31, 34, 64})
  void signal_any_isExact(int number) throws Exception {
    JobResult result = governor.run(sh("ulimit -c 0; kill -" + number + " $$"));
    assertThat(result.exitStatus()).contains(new Signalled(new Signal(number), false));
    assertThat(result.verdict()).isEqualTo(Verdict.WORKLOAD_FAILED_PLATFORM_OK);
  }

  @Test
  void coreDump_written_isTold() throws Exception {
    String pattern = Files.readString(Path.of("/proc/sys/kernel/core_pattern")).strip();
    assumeTrue(!pattern.startsWith("|") && !pattern.contains("/"), "needs a plain core_pattern");
    assumeTrue(
        Files.readString(Path.of("/proc/self/limits"))
            .matches("(?s).*Max core file size +\\S+ +unlimited.*"),
        "needs an unlimited hard limit of core files");
    JobResult result = governor.run(sh("ulimit -c unlimited; kill -6 $$"));
    assertThat(result.exitStatus()).contains(new Signalled(new Signal(6), true));
  }

  @Test
  void hundredsOfShortChildren_eachEndsRight_andIsGone() throws Exception {
    for (int i = 0; i < 300 / LinuxHost.SLOWNESS; i++) {
      int code = i % 256;
      String id = "short-" + i;
      JobResult result = governor.run(sh("exit " + code).jobId(id));
      assertThat(result.exitStatus()).as(id).contains(new Exited(code));
      assertThat(tree.existing(id)).as("the group is gone with the result").isEmpty();
    }
    assertThat(JobTree.children()).isEmpty();
  }

  /** PTRACE_SEIZE of all the arguments, whose ends it is told then, but never asks for. */
  private static final String TRACER =
      "for (@ARGV[1..$#ARGV]) { syscall($ARGV[0], 0x4206, $_ + 0, 0, 0) == 0 or die $! } sleep 600";

  /** A zombie is its tracer's first (ptrace(2)). More than there are threads that conclude. */
  @Test
  void traced_andTheTracerStandsStill_holdsUpNobodyElse() throws Exception {
    LinuxHost.assumeProgram("perl");
    List<StartedJob> traced = new ArrayList<>();
    String ptrace = System.getProperty("os.arch").equals("aarch64") ? "117" : "101";
    List<String> command = new ArrayList<>(List.of("perl", "-e", TRACER, ptrace));
    for (int i = 0; i < 5; i++) {
      StartedJob job = governor.start(sh("exec sleep 600"));
      traced.add(job);
      command.add("" + job.pid());
    }
    Process tracer = new ProcessBuilder(command).inheritIO().start();
    try {
      Optional<String> pid = Optional.of("" + tracer.pid());
      for (StartedJob each : traced) {
        soon()
            .until(() -> LinuxHost.field(each.pid(), "TracerPid").equals(pid) || !tracer.isAlive());
      }
      assumeTrue(tracer.isAlive(), "nobody may be traced here");
      traced.forEach(each -> each.signal(Signal.KILL));
      for (StartedJob each : traced) {
        soon().until(() -> JobTree.state(each.pid()).filter(it -> it == 'Z').isPresent());
      }
      Optional<JobResult> other = governor.start(sh("exit 3")).await(PATIENCE);
      assertThat(other.flatMap(JobResult::exitStatus)).contains(new Exited(3));
      assertThat(traced).allMatch(each -> !each.onExit().isDone());
      assertThat(traced.get(0).detach().workloadEnded()).isFalse();
      assertThat(traced.get(1).usage()).isNotNull();
    } finally {
      tracer.destroyForcibly().waitFor();
    }
    for (StartedJob each : traced.subList(1, 5)) {
      assertThat(each.await(PATIENCE).flatMap(JobResult::exitStatus))
          .contains(new Signalled(Signal.KILL, false));
    }
  }

  @Test
  void leader_endsBeforeItsChildren_survivorsAreCountedAndTheGroupGoesWithThem() throws Exception {
    StartedJob job = governor.start(sh("sleep 600 & sleep 600 & exit 3").jobId("survived"));
    JobResult result = job.await();
    assertThat(result.exitStatus()).contains(new Exited(3));
    assertThat(result.evidence().survivors()).hasValue(2);
    assertLivesOnUntilKilled("survived", 2);
  }

  @Test
  void daemon_doubleForkedInASessionOfItsOwn_staysInTheGroupAndIsCounted() throws Exception {
    String daemon = "(setsid sh -c 'sleep 600 & : > up; wait' &); until [ -e up ]; do :; done";
    JobResult result = governor.run(sh(daemon).jobId("daemon"));
    assertThat(result.exitStatus()).contains(new Exited(0));
    assertThat(result.evidence().survivors()).hasValue(2);
    assertLivesOnUntilKilled("daemon", 2);
  }

  /** Nobody but this test ends them; then the group goes, without anybody asking. */
  private void assertLivesOnUntilKilled(String id, int count) throws IOException {
    Set<Long> survivors = new HashSet<>();
    for (String controller : List.of("memory", "cpu", "io", "cpuacct")) {
      List<Long> members = tree.has(controller) ? tree.members(controller, id) : List.of();
      survivors.addAll(members);
      assertThat(members.isEmpty() || members.size() == count).as(controller + members).isTrue();
    }
    assertThat(survivors).hasSize(count).allMatch(JobTree::alive);
    survivors.forEach(pid -> ProcessHandle.of(pid).orElseThrow().destroyForcibly());
    assertNoGroupSoon(id);
  }

  @Test
  void survivors_thatForkBeforeTheyEnd_holdTheGroupUntilTheLastIsGone() throws Exception {
    governor.run(
        sh("(until [ -e go ]; do sleep 0.02; done; sleep 600 & : > forked) &").jobId("fork"));
    List<Long> first = tree.members("memory", "fork");
    Files.createFile(dir.resolve("go"));
    soon().until(() -> Files.exists(dir.resolve("forked")));
    soon().until(() -> first.stream().noneMatch(JobTree::alive));

    List<Long> second = tree.members("memory", "fork");
    assertThat(second).hasSize(1).doesNotContainAnyElementsOf(first);
    ProcessHandle.of(second.get(0)).orElseThrow().destroyForcibly();
    assertNoGroupSoon("fork");
  }

  /** Whoever looks at the group's files after the leader's end may find the survivor gone. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void survivor_thatEndsJustAfterALook_leavesNoGroup(int look) throws Exception {
    AtomicInteger looks = new AtomicInteger();
    List<Long> survivor = new CopyOnWriteArrayList<>();
    CgroupFiles files =
        new CgroupFiles() {
          @Override
          public String read(String path) throws ErrnoException {
            String text = CgroupFiles.super.read(path);
            boolean ours = path.matches(".*/survived/cgroup\\.(procs|events)");
            if (ours && !survivor.isEmpty() && looks.incrementAndGet() == look) {
              endAndReap(survivor.get(0));
            }
            return text;
          }
        };
    Governor watched = open(LinuxGovernor.builder().files(files));
    StartedJob job =
        watched.start(
            sh("sleep 600 & echo $! > pid; until [ -e go ]; do sleep 0.02; done")
                .jobId("survived"));
    soon().until(() -> LinuxHost.read(dir.resolve("pid")).orElse("").endsWith("\n"));
    survivor.add(Long.parseLong(Files.readString(dir.resolve("pid")).strip()));
    Files.createFile(dir.resolve("go"));
    job.await();
    if (JobTree.alive(survivor.get(0))) { // there were fewer looks
      endAndReap(survivor.get(0));
    }
    assertNoGroupSoon("survived");
  }

  /** It comes to this JVM once its parent has ended. */
  private static void endAndReap(long pid) throws ErrnoException {
    ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
    Pidfd.reap((int) pid);
  }

  @Test
  void subgroups_ofTheWorkloadsOwn_areRemovedWhenEmpty() throws Exception {
    String make = "";
    for (Path group : tree.groups("maker")) {
      make += "mkdir -p " + group + "/a/b " + group + "/c; ";
    }
    JobResult result = governor.run(sh(make + "exit 0").jobId("maker"));
    assertThat(result.exitStatus()).contains(new Exited(0));
    assertThat(tree.existing("maker")).isEmpty();
  }

  @Test
  void subgroups_populatedAfterTheLeader_areUntouchedUntilTheyEmpty() throws Exception {
    Path sub = tree.group("memory", "maker").resolve("its-own");
    String text = "mkdir " + sub + "; sleep 600 & echo $! > " + sub + "/cgroup.procs";
    JobResult result = governor.run(sh(text).jobId("maker"));
    assertThat(result.exitStatus()).contains(new Exited(0));
    assertThat(result.evidence().survivors()).hasValue(1);

    List<Long> inside = JobTree.pids(sub);
    assertThat(inside).hasSize(1).allMatch(JobTree::alive);
    governor.run(sh("exit 0").jobId("another")); // the watcher had its turns
    assertThat(JobTree.pids(sub)).isEqualTo(inside);
    ProcessHandle.of(inside.get(0)).orElseThrow().destroyForcibly();
    assertNoGroupSoon("maker");
  }

  @Test
  void group_removedByOthersWhileTheJobRuns_givesAResultAndNoBusyLoop() throws Exception {
    String elsewhere = name + "-elsewhere";
    StartedJob job = startReady(held("ready").limits(memory(64)).jobId("robbed"), "ready");
    tree.make(elsewhere);
    try {
      for (Path group : tree.groups("robbed")) {
        Path other = mountOf(group).resolve(elsewhere);
        soon().until(() -> emptied(group, other));
      }
      double before = watcherTicks();
      runFor(job, Duration.ofMillis(600));
      assertThat(watcherTicks() - before).as("ticks of 10 ms").isLessThan(10);

      job.usage();
      job.signal(Signal.TERM);
      JobResult result = job.await();
      assertThat(result.exitStatus()).contains(new Exited(0));
      assertThat(result.verdict()).isEqualTo(Verdict.LIMITS_LOST);
    } finally {
      tree.remove(elsewhere);
    }
  }

  private Path mountOf(Path group) {
    return tree.mounts().stream().filter(group::startsWith).findFirst().orElseThrow();
  }

  private static boolean emptied(Path group, Path other) {
    try {
      for (long pid : JobTree.pids(group)) {
        JobTree.move(pid, other);
      }
      return Files.deleteIfExists(group);
    } catch (IOException busyOrAChildThatEnded) {
      return false;
    }
  }

  /** CPU time of the watchers of this JVM, in clock ticks. */
  private static double watcherTicks() throws IOException {
    List<Path> tasks = new ArrayList<>();
    try (Stream<Path> all = Files.list(Path.of("/proc/self/task"))) {
      all.forEach(tasks::add);
    }
    double ticks = 0;
    for (Path task : tasks) {
      String stat = LinuxHost.read(task.resolve("stat")).orElse(""); // threads end meanwhile
      if (stat.contains(" (governance-wat")) {
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        ticks += Double.parseDouble(fields[11]) + Double.parseDouble(fields[12]);
      }
    }
    return ticks;
  }
}
