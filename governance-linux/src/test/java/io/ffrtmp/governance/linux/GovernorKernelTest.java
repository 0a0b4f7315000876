package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.HostUnsupportedException;
import io.ffrtmp.governance.JobIdInUseException;
import io.ffrtmp.governance.JobListener;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.JobStart;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartFailedException;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Stdio;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.Workload;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Ids, listeners and the log line. */
@Tag("kernel")
class GovernorKernelTest extends RunContract {

  /** Writes down what it is told. */
  private static class Recorder implements JobListener {
    final List<String> events = new CopyOnWriteArrayList<>();

    @Override
    public void started(JobStart start) {
      events.add("started " + start.jobId());
    }

    @Override
    public void finished(JobResult result) {
      events.add("finished " + result.jobId());
    }

    @Override
    public void startFailed(JobResult result) {
      events.add("startFailed " + result.jobId());
    }
  }

  /** Of one that was detached, and of one whose child outlived it. */
  @Test
  void home_ofAClosedGovernor_goesWithTheLastGroup() throws Exception {
    assumeFalse(tree.mounts().isEmpty(), "no cgroups here");
    String name = "ffrtmp-closed-" + ProcessHandle.current().pid();
    Governor other = LinuxGovernor.builder().directoryName(name).open();
    List<StartedJob> detached = new ArrayList<>();
    for (int i = 0; i < 20 / LinuxHost.SLOWNESS + 1; i++) {
      detached.add(other.start(sh("exec sleep 600")));
    }
    StartedJob outlived = other.start(sh("sleep 600 & echo $! >child; exec sleep 600"));
    soon().until(() -> Files.exists(dir.resolve("child")) && !child().isEmpty());
    other.close();
    assertThat(LinuxHost.cgroupsNamed(name)).isNotEmpty();
    detached.add(outlived);
    detached.forEach(each -> ProcessHandle.of(each.pid()).orElseThrow().destroyForcibly());
    detached.forEach(each -> soon().until(() -> !JobTree.alive(each.pid())));
    ProcessHandle.of(Long.parseLong(child())).orElseThrow().destroyForcibly();
    soon().until(() -> LinuxHost.cgroupsNamed(name).isEmpty());
  }

  private String child() throws IOException {
    return Files.readString(dir.resolve("child")).strip();
  }

  @Test
  void base_thatIsNoCgroup_isToldByHostAndCostsTheLimits() throws Exception {
    assumeFalse(tree.mounts().isEmpty(), "no cgroups here");
    try (Governor bare = LinuxGovernor.builder().base("/no/such/cgroup").open()) {
      Capability base = bare.host().capability("base").orElseThrow();
      assertThat(base.state()).isEqualTo(Capability.State.NO);
      assertThat(base.detail()).contains("/no/such/cgroup");
      assertThat(base.cure()).hasValueSatisfying(cure -> assertThat(cure).contains("make it"));
      assertThat(bare.host().capability("spawn").orElseThrow().detail())
          .startsWith("posix_spawn without a cgroup");

      JobResult result = bare.run(sh(":").limits(Limits.NONE.memoryMaxBytes(1L << 30)));
      assertThat(result.verdict()).isEqualTo(Verdict.LIMITS_NOT_ENFORCED);
    }
  }

  /** Tells why there is no base. */
  static final class Probing {
    public static void main(String[] args) {
      for (String name : List.of("base", "delegation")) {
        Capability each = LinuxGovernor.probe().capability(name).orElseThrow();
        SecondJvm.tell(each.state() + ", " + each.cure().orElse(""));
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {"mount -o remount,bind,ro; mount -o remount,rw", "umount -l; mount -t cgroup"})
  void base_whereCgroupsCannotBeWrittenOrSeen_isToldWithTheCureOfThat(String closing, String cure)
      throws Exception {
    assumeTrue(LinuxHost.root(), "needs root to make a mount namespace");
    LinuxHost.assumeProgram("unshare");
    String mounts = "awk '$3 ~ /^cgroup/ {print $2}' /proc/mounts";
    String script = mounts + " | while read -r m; do " + closing + " $m; done; exec \"$@\"";
    String[] apart = {"unshare", "--mount", "/bin/sh", "-c", script, "sh"};
    try (SecondJvm jvm = SecondJvm.of(Probing.class).by(apart).start()) {
      assertThat(jvm.hear("NO,")).as("base").contains(cure);
      assertThat(jvm.hear("NO,")).as("delegation").contains(cure);
    }
  }

  /** Tells the blocking capability and the message. */
  static final class Opening {
    public static void main(String[] args) {
      try (Governor governor = LinuxGovernor.builder().open()) {
        SecondJvm.tell("refused not at all: " + governor.host());
      } catch (HostUnsupportedException e) {
        SecondJvm.tell("refused " + e.getMessage());
        assertThat(LinuxGovernor.probe().capabilities()).isEqualTo(e.report().capabilities());
      }
    }
  }

  @Test
  void open_inAPidNamespaceThatShowsTheProcOfAnother_isRefusedWithTheCure() throws Exception {
    assumeTrue(LinuxHost.root(), "needs root to make a pid namespace");
    LinuxHost.assumeProgram("unshare");
    String[] apart = {"unshare", "--pid", "--fork", "--kill-child"};
    try (SecondJvm jvm = SecondJvm.of(Opening.class).by(apart).start()) {
      assertThat(jvm.hear("refused"))
          .startsWith("proc: process 1 is ")
          .endsWith("; cure: mount -t proc proc /proc, in this pid namespace");
      assertThat(jvm.awaitEnd()).as("exit of %s", jvm).isZero();
    }
  }

  @Test
  void open_whereProcShowsProcessesOnly_isRefusedWithTheCure() throws Exception {
    assumeTrue(LinuxHost.root(), "needs root to make a mount namespace");
    LinuxHost.assumeProgram("unshare");
    String script = "mount -t proc -o subset=pid proc /proc && exec \"$@\"";
    String[] apart = {"unshare", "--mount", "/bin/sh", "-c", script, "sh"};
    try (SecondJvm jvm = SecondJvm.of(Opening.class).by(apart).start()) {
      assertThat(jvm.hear("refused"))
          .startsWith("boot_id: /proc/sys/kernel/random/boot_id can't be read")
          .contains("ProcSubset=all");
      assertThat(jvm.awaitEnd()).as("exit of %s", jvm).isZero();
    }
  }

  @Test
  void open_whereNativeCodeCantBeLoaded_isRefusedWithTheFirstCauseEachTime() throws Exception {
    SecondJvm.Launch launch = SecondJvm.of(Opening.class).with("jna.nosys", "true");
    try (SecondJvm jvm = launch.with("jna.nounpack", "true").start()) {
      assertThat(jvm.hear("refused")).startsWith("native: UnsatisfiedLinkError, ");
      assertThat(jvm.awaitEnd()).as("exit of %s", jvm).isZero();
    }
  }

  /** Executes a command to which one system call is refused, as filters of containers do. */
  private static final String FILTERED =
      """
      #include <errno.h>
      #include <linux/filter.h>
      #include <linux/seccomp.h>
      #include <sys/prctl.h>
      #include <unistd.h>
      int main(int argc, char **argv) {
        struct sock_filter refuse[] = {
          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 434 /* pidfd_open */, 0, 1),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog program = {4, refuse};
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
          return 1;
        execvp(argv[1], argv + 1);
        return 2;
      }
      """;

  @Test
  void open_whereAFilterRefusesPidfdOpen_isRefusedWithTheCure() throws Exception {
    LinuxHost.assumeProgram("gcc");
    Path source = Files.writeString(dir.resolve("filtered.c"), FILTERED);
    Path binary = dir.resolve("filtered");
    Process gcc = new ProcessBuilder("gcc", "-o", "" + binary, "" + source).inheritIO().start();
    assertThat(gcc.waitFor()).isZero();
    try (SecondJvm jvm = SecondJvm.of(Opening.class).by("" + binary).start()) {
      assertThat(jvm.hear("refused"))
          .startsWith("pidfd: pidfd_open of process ")
          .contains("ENOSYS")
          .endsWith("a seccomp profile that permits pidfd_open");
      assertThat(jvm.awaitEnd()).as("exit of %s", jvm).isZero();
    }
  }

  @Test
  void jobId_inUseInThisGovernor_isRefusedAndNothingIsTouched() throws Exception {
    Path log = Files.writeString(dir.resolve("log"), "precious");
    Recorder recorder = new Recorder();
    governor = open(LinuxGovernor.builder().listener(recorder));
    StartedJob job = startReady(held("ready").jobId("taken"), "ready");

    assertThatThrownBy(
            () -> governor.start(sh(": > ran").jobId("taken").stdout(Stdio.truncate(log))))
        .isInstanceOf(JobIdInUseException.class)
        .hasMessageContaining("taken");
    assertThat(log).hasContent("precious");
    assertThat(dir.resolve("ran")).doesNotExist();
    assertThat(tree.members("memory", "taken")).contains(job.pid());
    assertThat(JobTree.alive(job.pid())).isTrue();
    assertThat(governor.jobs()).hasSize(1);
    assertThat(recorder.events).containsExactly("started taken");

    job.signal(Signal.TERM);
    job.await();
    assertThat(governor.run(sh("exit 2").jobId("taken")).exitStatus()).contains(new Exited(2));
  }

  @Test
  void jobId_inUseInAnotherGovernor_isRefusedWhateverItsGroupHolds() throws Exception {
    Path log = Files.writeString(dir.resolve("log"), "precious");
    StartedJob job = startReady(held("ready").jobId("theirs"), "ready");
    Governor other = open(LinuxGovernor.builder());
    assertThatThrownBy(() -> other.start(sh(": > ran").jobId("theirs").stdout(Stdio.truncate(log))))
        .isInstanceOf(JobIdInUseException.class)
        .hasMessageContaining("theirs");
    assertThat(log).hasContent("precious");
    assertThat(dir.resolve("ran")).doesNotExist();
    assertThat(JobTree.alive(job.pid())).isTrue();
    job.signal(Signal.TERM);
    job.await();
    assertThat(other.run(sh("exit 2").jobId("theirs")).exitStatus()).contains(new Exited(2));
  }

  @Test
  void jobId_ofAnOldPopulatedGroup_isRefusedAndItsProcessIsUntouched() throws Exception {
    StartedJob old = startReady(held("ready").jobId("old"), "ready");
    governor.close();
    governor = open(LinuxGovernor.builder());
    assertThatThrownBy(() -> governor.start(sh(": > ran").jobId("old")))
        .isInstanceOf(JobIdInUseException.class);
    assertThat(JobTree.alive(old.pid())).isTrue();
    assertThat(tree.existing("old")).hasSameSizeAs(tree.mounts());
    assertThat(dir.resolve("ran")).doesNotExist();
  }

  @Test
  void jobId_ofAStrangersPopulatedGroup_isRefusedAndItsProcessIsUntouched() throws Exception {
    StartedJob guest = startReady(held("ready"), "ready");
    tree.make(name + "/strangers");
    for (Path group : tree.groups("strangers")) {
      JobTree.move(guest.pid(), group);
    }
    assertThatThrownBy(() -> governor.start(sh(": > ran").jobId("strangers")))
        .isInstanceOf(JobIdInUseException.class);
    assertThat(tree.members("memory", "strangers")).contains(guest.pid());
    assertThat(JobTree.alive(guest.pid())).isTrue();
  }

  @Test
  void jobId_ofAnEmptyLeftover_isFree() throws Exception {
    tree.make(name);
    tree.make(name + "/leftover");
    Files.createDirectory(tree.group("memory", "leftover").resolve("inner"));
    assertThat(governor.run(sh("exit 3").jobId("leftover")).exitStatus()).contains(new Exited(3));
    assertThat(tree.existing("leftover")).isEmpty();
  }

  @Test
  void open_removesEmptyLeftovers_andLeavesThePopulatedOnes() throws Exception {
    StartedJob alive = startReady(held("ready").jobId("alive"), "ready");
    governor.close();
    tree.make(name + "/leftover");
    open(LinuxGovernor.builder());
    assertThat(tree.existing("leftover")).isEmpty();
    assertThat(tree.existing("alive")).hasSameSizeAs(tree.mounts());
    assertThat(tree.members("memory", "alive")).contains(alive.pid());
  }

  @Test
  void jobId_raceOfManyThreads_oneWins() throws Exception {
    Governor other = open(LinuxGovernor.builder());
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      for (int round = 0; round < 10; round++) {
        String id = "race-" + round;
        List<Future<StartedJob>> starts = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
          Governor one = i % 2 == 0 ? governor : other;
          starts.add(threads.submit(() -> one.start(sh("exec sleep 600").jobId(id))));
        }
        List<StartedJob> won = new ArrayList<>();
        for (Future<StartedJob> start : starts) {
          try {
            won.add(start.get(PATIENCE.toSeconds(), TimeUnit.SECONDS));
          } catch (ExecutionException e) {
            assertThat(e).hasCauseInstanceOf(JobIdInUseException.class);
          }
        }
        assertThat(won).as(id).hasSize(1);
        assertThat(tree.members("memory", id)).containsExactly(won.get(0).pid());
        won.get(0).kill();
        won.get(0).await();
        assertThat(tree.existing(id)).isEmpty();
      }
    } finally {
      threads.shutdownNow();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "/x",
        ".hidden",
        "a b",
        "a\nb",
        "a\0b",
        "é",
        "😀",
        "cgroup.procs",
        "cpu.max",
        "memory.max",
        "io.max",
        "blkio.x",
        "tasks",
        "notify_on_release",
        "release_agent",
        "cpuacct.usage",
        "devices.list",
        "a\u200b"
      })
  void jobId_hostile_isRefusedAndNothingIsTouched(String id) throws IOException {
    assertThatThrownBy(() -> LinuxGovernor.builder().directoryName(id))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("directory name '");
    assertThatThrownBy(() -> governor.start(sh(": > ran").jobId(id)))
        .isInstanceOf(IllegalArgumentException.class);
    assertThat(tree.everything()).isEmpty();
    assertThat(dir.resolve("ran")).doesNotExist();
  }

  @Test
  void jobId_tooLong_isRefused_andTheLongestWorks() throws Exception {
    assertThatThrownBy(() -> sh("exit 0").jobId("x".repeat(129)))
        .isInstanceOf(IllegalArgumentException.class);
    String longest = "x".repeat(128);
    assertThat(governor.run(sh("exit 0").jobId(longest)).jobId()).isEqualTo(longest);
  }

  @Test
  void jobId_absent_isGeneratedAndUnique() throws Exception {
    Set<String> ids = new HashSet<>();
    for (int i = 0; i < 30; i++) {
      StartedJob job = governor.start(sh("exec sleep 600"));
      assertThat(job.id()).matches("[A-Za-z0-9._-]{1,128}");
      assertThat(tree.members("memory", job.id())).containsExactly(job.pid());
      ids.add(job.id());
    }
    assertThat(ids).hasSize(30);
    assertThat(governor.jobs()).hasSize(30);
  }

  @Test
  void listeners_hearStartedThenFinishedBeforeTheFuture_orStartFailedAlone() throws Exception {
    List<Boolean> doneAtFinish = new CopyOnWriteArrayList<>();
    Recorder recorder =
        new Recorder() {
          @Override
          public void finished(JobResult result) {
            super.finished(result);
            governor.jobs(); // may be asked here
            doneAtFinish.add(dir.resolve("future").toFile().exists());
          }
        };
    governor = open(LinuxGovernor.builder().listener(recorder));
    StartedJob job = startReady(held("ready").jobId("heard"), "ready");
    assertThat(recorder.events).containsExactly("started heard");
    var told = job.onExit().thenRun(() -> dir.resolve("future").toFile().mkdir());
    job.signal(Signal.TERM);
    told.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    assertThat(recorder.events).containsExactly("started heard", "finished heard");
    assertThat(doneAtFinish).containsExactly(false);

    assertThatThrownBy(() -> governor.start(Workload.of("/no/such").jobId("failed")))
        .isInstanceOf(StartFailedException.class);
    assertThat(recorder.events)
        .containsExactly("started heard", "finished heard", "startFailed failed");
  }

  @Test
  void listener_thatThrows_harmsNobody() throws Exception {
    AtomicInteger thrown = new AtomicInteger();
    JobListener hostile =
        new JobListener() {
          @Override
          public void started(JobStart start) {
            thrown.incrementAndGet();
            throw new IllegalStateException("hostile");
          }

          @Override
          public void finished(JobResult result) {
            thrown.incrementAndGet();
            throw new StackOverflowError("hostile");
          }

          @Override
          public void startFailed(JobResult result) {
            thrown.incrementAndGet();
            throw new AssertionError("hostile");
          }
        };
    Recorder recorder = new Recorder();
    governor = open(LinuxGovernor.builder().listener(hostile).listener(recorder));
    List<String> log =
        logged(
            () -> {
              assertThat(governor.run(sh("exit 5").jobId("calm")).exitStatus())
                  .contains(new Exited(5));
              assertThatThrownBy(() -> governor.start(Workload.of("/no/such").jobId("failed")))
                  .isInstanceOf(StartFailedException.class);
            });
    assertThat(recorder.events)
        .containsExactly("started calm", "finished calm", "startFailed failed");
    assertThat(thrown).hasValue(3);
    assertThat(log.stream().filter(line -> line.contains("a job listener failed")))
        .as("each is counted")
        .satisfiesExactly(
            first -> assertThat(first).contains("number 1 here"),
            second -> assertThat(second).contains("number 2 here"),
            third -> assertThat(third).contains("number 3 here"));
  }

  @Test
  void listener_ofAStart_thatWaitsForWhatWaitsForIt_isRefusedInstead() throws Exception {
    List<String> refused = new ArrayList<>();
    JobListener eager =
        new JobListener() {
          @Override
          public void started(JobStart start) {
            long pid = start.pid().orElseThrow();
            soon().until(() -> JobTree.state(pid).filter(state -> state != 'Z').isEmpty());
            for (Runnable each :
                List.<Runnable>of(governor.jobs().get(0)::detach, governor::close)) {
              assertThatThrownBy(each::run).isInstanceOf(IllegalStateException.class);
              refused.add("refused");
            }
          }
        };
    governor = open(LinuxGovernor.builder().listener(eager));
    StartedJob job = governor.start(sh("exit 3"));
    assertThat(job.await(PATIENCE).orElseThrow().exitStatus()).contains(new Exited(3));
    assertThat(refused).hasSize(2);
  }

  @Test
  void listener_thatBlocks_delaysItsResultOnly() throws Exception {
    CountDownLatch release = new CountDownLatch(1);
    JobListener blocking =
        new JobListener() {
          @Override
          public void finished(JobResult result) {
            if (result.jobId().startsWith("blocked")) {
              try {
                release.await(2 * PATIENCE.toSeconds(), TimeUnit.SECONDS);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            }
          }
        };
    governor = open(LinuxGovernor.builder().listener(blocking));
    StartedJob blocked = governor.start(sh("exit 1").jobId("blocked"));
    soon().until(() -> JobTree.state(blocked.pid()).isEmpty());
    JobResult free = governor.start(sh("exit 2")).await(PATIENCE).orElseThrow();
    assertThat(free.exitStatus()).contains(new Exited(2));
    assertThat(blocked.onExit()).isNotDone();
    assertThat(blocked.await(Duration.ofSeconds(2))).isEmpty();
    assertThat(tree.existing("blocked")).as("the group is gone all the same").isEmpty();

    StartedJob going = startReady(held("ready"), "ready");
    for (int i = 1; i < 8; i++) { // as many as there are threads, and more
      governor.start(sh("exit 1").jobId("blocked-" + i));
    }
    going.signal(Signal.TERM);
    soon().until(() -> !JobTree.alive(going.pid()));
    Governor other = open(LinuxGovernor.builder());
    StartedJob elsewhere = other.start(sh("exit 4"));
    assertThat(elsewhere.await(PATIENCE)).as("another governor's job").isPresent();
    assertThat(blocked.onExit()).as("while this one's listener blocks").isNotDone();
    release.countDown();
    assertThat(going.await(PATIENCE)).isPresent();
    assertThat(blocked.await(PATIENCE).orElseThrow().exitStatus()).contains(new Exited(1));
  }

  @Test
  void logLine_ofAResult_isWrittenOnceAtInfo() throws Exception {
    AtomicReference<JobResult> told = new AtomicReference<>();
    Workload workload = sh("exit 0").limits(memory(64)).jobId("logged").intent("testing");
    List<String> lines =
        logged(() -> told.set(governor.run(workload))).stream()
            .filter(line -> line.contains("JOB logged "))
            .toList();
    JobResult result = told.get();
    assertThat(lines).hasSize(1);
    assertThat(lines.get(0))
        .contains("INFO io.ffrtmp.governance.jobs")
        .endsWith(
            "JOB logged | intent=testing | sla=COMPLIANT | reason=completed_within_limits"
                + " | runtime="
                + result.processingTime().toSeconds()
                + "s | exit=0 | pid="
                + result.pid().orElseThrow());
  }

  /** The lines that were logged meanwhile. */
  private static List<String> logged(ThrowingCallable action) {
    PrintStream stderr = System.err;
    ByteArrayOutputStream captured = new ByteArrayOutputStream();
    try (PrintStream copy = new PrintStream(captured, true, StandardCharsets.UTF_8)) {
      System.setErr(copy);
      action.call();
    } catch (Throwable e) {
      throw new AssertionError(e);
    } finally {
      System.setErr(stderr);
    }
    return captured.toString(StandardCharsets.UTF_8).lines().toList();
  }
}
