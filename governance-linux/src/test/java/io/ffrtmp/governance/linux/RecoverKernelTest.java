package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.ExitStatus;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.Job;
import io.ffrtmp.governance.JobIdInUseException;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.Recovery;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import io.ffrtmp.governance.linux.cgroup.Mark;
import io.ffrtmp.governance.linux.cgroup.ProcessKey;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserDefinedFileAttributeView;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Recovery of started jobs on the real kernel, after a second JVM that started them was killed. */
@Tag("kernel")
class RecoverKernelTest {
  private static final Limits LIMITS = Limits.NONE.memoryMaxBytes(1L << 28).cpuWeight(300);

  private static final Workload SLEEPER = Workload.of("/bin/sleep", "600");

  private final String name = "ffrtmp-test-" + ProcessHandle.current().pid();
  private final JobTree tree = tree(name);
  private final List<Long> started = new ArrayList<>();

  private static JobTree tree(String below) {
    try {
      return new JobTree(below);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private Governor open() {
    return open(name);
  }

  private static Governor open(String name) {
    return LinuxGovernor.builder().base(LinuxHost.place()).directoryName(name).open();
  }

  @BeforeEach
  void begin() throws IOException {
    tree.assumeOurs();
    tree.remove(name);
  }

  @AfterEach
  void end() throws IOException {
    tree.remove(name);
    RunContract.awaitWatchers(0); // the next test counts descriptors
  }

  /** The main class of the second JVM: starts jobs of these ids, and waits to be killed. */
  static final class Worker {
    private Worker() {}

    public static void main(String[] arguments) throws Exception {
      try (Governor governor = open(arguments[0])) {
        for (int i = 2; i < arguments.length; i++) {
          Workload workload = Workload.of("/bin/sleep", arguments[1]).limits(LIMITS);
          StartedJob job = governor.start(workload.jobId(arguments[i]).intent("test"));
          SecondJvm.tell("pid " + job.pid());
        }
        Thread.sleep(Long.MAX_VALUE);
      }
    }
  }

  private void startAndDie(String seconds, String... ids) throws Exception {
    List<Object> arguments = new ArrayList<>(List.of(name, seconds));
    arguments.addAll(List.of(ids));
    try (SecondJvm jvm = SecondJvm.of(Worker.class, arguments.toArray()).start()) {
      for (int i = 0; i < ids.length; i++) {
        started.add(Long.parseLong(jvm.hear("pid")));
      }
      jvm.kill();
    }
  }

  @Test
  void startedJob_comesBackAsOne_insideItsLimits_andItsEndIsSeen() throws Exception {
    startAndDie("600", "one");
    try (Governor governor = open()) {
      Recovery recovery = governor.recover();
      assertThat(recovery.ended()).isEmpty();
      assertThat(recovery.leftovers()).isEmpty();
      StartedJob job = (StartedJob) recovery.jobs().get(0);
      assertThat(job.pid()).isEqualTo(started.get(0));
      assertThat(job.mode()).isEqualTo(Mode.RUN);
      assertThat(job.intent()).contains("test");
      assertThat(job.receipt().allInForce()).isTrue();
      assertThat(job.receipt().limits()).hasSize(2);
      assertThat(governor.jobs()).containsExactly(job);
      assertThat(governor.recover().jobs()).isEmpty();

      assertThat(job.signal(Signal.KILL)).isTrue();
      JobResult result = job.await();
      ExitStatus status = result.exitStatus().orElseThrow();
      assertThat(status)
          .isIn(
              new ExitStatus.Signalled(Signal.KILL, false),
              new ExitStatus.Unknown(ExitStatus.Cause.KERNEL_TOO_OLD));
    }
    RunContract.soon().until(() -> tree.existing("one").isEmpty());
  }

  @Test
  void leaderMovedOutWhileNobodyWatched_losesTheLimitsThatItLeft() throws Exception {
    startAndDie("600", "strayed");
    String out = name + "-out";
    tree.make(out);
    try (Governor governor = open()) {
      JobTree.move(started.get(0), tree.mount("cpu").resolve(out));
      StartedJob job = (StartedJob) governor.recover().jobs().get(0);
      Status memory = tree.unified("memory") ? Status.LOST : Status.APPLIED;
      assertThat(statuses(job.receipt())).containsExactly(Status.LOST, memory);
      assertThat(job.receipt().limits().get(0).cure().orElseThrow())
          .contains(out)
          .contains(tree.group("cpu", "strayed") + "/cgroup.procs");
      assertThat(job.detach().verdict()).isEqualTo(Verdict.LIMITS_LOST);
    } finally {
      tree.remove(out);
    }
  }

  @Test
  void leaderInASubgroupOfItsOwn_isStillInsideItsLimits() throws Exception {
    startAndDie("600", "deeper");
    for (Path group : tree.groups("deeper")) {
      JobTree.move(started.get(0), Files.createDirectory(group.resolve("below")));
    }
    try (Governor governor = open()) {
      StartedJob job = (StartedJob) governor.recover().jobs().get(0);
      assertThat(job.receipt().allInForce()).as("%s", job.receipt()).isTrue();
      job.kill();
      job.await();
    }
  }

  @Test
  void endedWhileNobodyWatched_hasAResult_once() throws Exception {
    startAndDie("600", "short");
    long pid = started.get(0);
    ProcessHandle.of(pid).orElseThrow().destroyForcibly();
    RunContract.soon().until(() -> !JobTree.alive(pid));
    try (Governor governor = open()) { // which cleans up
      List<JobResult> ended = governor.recover().ended();
      assertThat(ended).hasSize(1);
      assertThat(ended.get(0).jobId()).isEqualTo("short");
      assertThat(ended.get(0).pid()).hasValue(pid);
      assertThat(ended.get(0).exitStatus())
          .contains(new ExitStatus.Unknown(ExitStatus.Cause.NOT_WATCHED));
      assertThat(ended.get(0).verdict()).isEqualTo(Verdict.OBSERVATION_LOST);
      assertThat(governor.recover().ended()).isEmpty();
      assertThat(tree.existing("short")).isEmpty();
    }
  }

  @Test
  void twoRecoveriesAtOnce_neverShareAJob() throws Exception {
    String[] ids = {"a", "b", "c", "d", "e", "f", "g", "h"};
    startAndDie("600", ids);
    ExecutorService both = Executors.newFixedThreadPool(2);
    try (Governor one = open();
        Governor other = open()) {
      List<Callable<Recovery>> calls = List.of(one::recover, other::recover);
      List<String> taken = new ArrayList<>();
      for (Future<Recovery> each : both.invokeAll(calls)) {
        each.get().jobs().stream().map(Job::id).forEach(taken::add);
      }
      assertThat(taken).containsExactlyInAnyOrder(ids);
      assertThat(one.jobs().size() + other.jobs().size()).isEqualTo(ids.length);
    } finally {
      both.shutdown();
    }
  }

  @Test
  void ownerAlive_isLeftToIt() throws Exception {
    try (Governor owner = open();
        Governor other = open()) {
      StartedJob job = owner.start(Workload.of("/bin/sleep", "600").jobId("mine"));
      Recovery recovery = other.recover();
      assertThat(recovery.jobs()).isEmpty();
      assertThat(recovery.leftovers())
          .singleElement()
          .satisfies(it -> assertThat(it.reason()).contains("" + ProcessHandle.current().pid()));
      job.kill();
      job.await();
    }
  }

  @Test
  void unknownMark_isReportedAndLeft() throws Exception {
    startAndDie("600", "strange");
    Path group = tree.group("memory", "strange");
    CgroupFiles.kernel().mark(group.toString(), "schema=99".getBytes(StandardCharsets.UTF_8));
    try (Governor governor = open()) {
      Recovery recovery = governor.recover();
      assertThat(recovery.jobs()).isEmpty();
      assertThat(recovery.leftovers())
          .singleElement()
          .satisfies(it -> assertThat(it.group()).isEqualTo(group.toString()))
          .satisfies(it -> assertThat(it.reason()).contains("processes live in it"));
      assertThat(Files.exists(group)).isTrue();
      assertThat(JobTree.alive(started.get(0))).isTrue();
    }
  }

  @Test
  void markOfAnotherBoot_isReportedAndLeft() throws Exception {
    startAndDie("600", "old");
    String group = tree.group("memory", "old").toString();
    Mark mark = CgroupFiles.kernel().mark(group).flatMap(Mark::parse).orElseThrow();
    Map<String, String> fields = new LinkedHashMap<>(mark.fields());
    String boot = Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
    String other = "00000000-0000-4000-8000-000000000000";
    fields.computeIfPresent("leader", (key, value) -> value.replace(boot, other));
    assertThat(fields).isNotEqualTo(mark.fields());
    CgroupFiles.kernel().mark(group, new Mark(fields).encode());
    assertLeft(group, "another boot");

    CgroupFiles.kernel().mark(group, mark.encode());
    endRecovered();
  }

  @Test
  void groupOfAnotherUser_isReportedAndLeft_alsoByRoot() throws Exception {
    assumeTrue(LinuxHost.root(), "needs root, to give a group away");
    startAndDie("600", "theirs");
    Path group = tree.group("memory", "theirs");
    Files.setAttribute(group, "unix:uid", 65534);
    assertLeft(group.toString(), "user 65534 made it");

    Files.setAttribute(group, "unix:uid", 0);
    endRecovered();
  }

  private void assertLeft(String group, String reason) {
    try (Governor governor = open()) {
      Recovery recovery = governor.recover();
      assertThat(recovery.jobs()).isEmpty();
      assertThat(recovery.ended()).isEmpty();
      assertThat(recovery.leftovers())
          .singleElement()
          .satisfies(it -> assertThat(it.group()).isEqualTo(group))
          .satisfies(it -> assertThat(it.reason()).contains(reason));
      assertThat(JobTree.alive(started.get(0))).isTrue();
    }
  }

  private void endRecovered() throws Exception {
    try (Governor governor = open()) {
      StartedJob job = (StartedJob) governor.recover().jobs().get(0);
      assertThat(job.pid()).isEqualTo(started.get(0));
      job.kill();
      assertThat(job.await().workloadEnded()).isTrue();
    }
  }

  @Test
  void detachedJob_isRecoveredByTheSameGovernor_andByAnother() throws Exception {
    try (Governor governor = open()) {
      StartedJob job =
          governor.start(Workload.of("/bin/sleep", "600").jobId("again").limits(LIMITS));
      job.detach();
      assertThatThrownBy(() -> governor.start(SLEEPER.jobId("again")))
          .isInstanceOf(JobIdInUseException.class)
          .hasMessageContaining("process " + job.pid() + " goes on")
          .hasMessageContaining("recover()");
      StartedJob again = (StartedJob) governor.recover().jobs().get(0);
      assertThat(again.pid()).isEqualTo(job.pid());
      again.kill();
      assertThat(again.await().workloadEnded()).isTrue();
    }
  }

  @Test
  void forgedMark_isALeftover_andNothingThrows() throws Exception {
    Map<String, String> forged =
        Map.of(
            "cpu.weight", "x",
            "memory.max", "-1",
            "io.max.9", "8:0",
            "id", "../x",
            "intent", "a b",
            "leader", "0 0 x y");
    try (Governor governor = open()) {
      StartedJob job = governor.start(SLEEPER.jobId("forged").limits(LIMITS));
      job.detach();
      String group = tree.group("memory", "forged").toString();
      Mark mark = CgroupFiles.kernel().mark(group).flatMap(Mark::parse).orElseThrow();
      for (Map.Entry<String, String> each : forged.entrySet()) {
        Map<String, String> fields = new LinkedHashMap<>(mark.fields());
        fields.put(each.getKey(), each.getValue());
        CgroupFiles.kernel().mark(group, new Mark(fields).encode());
        try (Governor other = open()) {
          Recovery recovery = other.recover();
          assertThat(recovery.jobs()).as("with %s", each).isEmpty();
          assertThat(recovery.leftovers()).as("with %s", each).hasSize(1);
        }
      }
      CgroupFiles.kernel().mark(group, mark.encode());
      StartedJob again = (StartedJob) governor.recover().jobs().get(0);
      again.kill();
      again.await();
    }
  }

  @Test
  void limitsThatWereNeverInForce_keepTheirStatus() throws Exception {
    CgroupFiles noWeight =
        new CgroupFiles() {
          @Override
          public void write(String path, String text) throws ErrnoException {
            if (path.endsWith("/cpu.shares") || path.endsWith("/cpu.weight")) {
              throw new ErrnoException(Errno.EINVAL, "write to " + path);
            }
            CgroupFiles.super.write(path, text);
          }
        };
    Limits limits = // a weight below 100 needs no privilege to be substituted
        LIMITS.cpuWeight(50).ioMax(IoMax.path(Path.of("/proc")).readBytesPerSecond(1 << 20));
    try (Governor governor =
            LinuxGovernor.builder()
                .base(LinuxHost.place())
                .directoryName(name)
                .files(noWeight)
                .open();
        Governor other = open()) {
      StartedJob job = governor.start(SLEEPER.jobId("unmet").limits(limits));
      assertThat(statuses(job.receipt()))
          .containsExactly(Status.SUBSTITUTED, Status.APPLIED, Status.UNSUPPORTED);
      assertThat(job.detach().verdict()).isEqualTo(Verdict.LIMITS_NOT_ENFORCED);

      StartedJob again = (StartedJob) other.recover().jobs().get(0);
      assertThat(again.receipt().limits())
          .allMatch(each -> each.cure().isPresent() == !each.status().inForce());
      again.kill();
      JobResult result = again.await();
      assertThat(statuses(result.receipt())).isEqualTo(statuses(job.receipt()));
    }
  }

  private static List<Status> statuses(Receipt receipt) {
    return receipt.limits().stream().map(LimitOutcome::status).toList();
  }

  /** The main class of a JVM that attaches to a process, once both are where the test wants. */
  static final class Inner {
    public static void main(String[] arguments) throws Exception {
      System.in.read();
      try (Governor governor = open(arguments[0])) {
        governor.attach(Attachment.of(Long.parseLong(arguments[1])).jobId("inner"));
        SecondJvm.tell("attached");
        Thread.sleep(Long.MAX_VALUE);
      }
    }
  }

  @Test
  void jobWithinAJob_isToldOf_andThenTheOneAroundIt_andNothingIsLeft() throws Exception {
    startAndDie("600", "outer");
    Process target = new ProcessBuilder("sleep", "600").start();
    try (SecondJvm jvm = SecondJvm.of(Inner.class, name, target.pid()).start()) {
      for (Path group : tree.groups("outer")) {
        JobTree.move(jvm.pid(), group);
        JobTree.move(target.pid(), Files.createDirectory(group.resolve("below")));
      }
      jvm.say("go");
      jvm.hear("attached");
      jvm.kill();
    } finally {
      target.destroyForcibly().waitFor();
    }
    ProcessHandle.of(started.get(0)).orElseThrow().destroyForcibly();
    RunContract.soon().until(() -> !JobTree.alive(started.get(0)));
    try (Governor governor = open()) {
      assertThat(governor.recover().ended())
          .extracting(JobResult::jobId)
          .containsExactly("inner", "outer");
      assertThat(governor.recover().ended()).isEmpty();
    }
    assertThat(tree.existing("outer")).isEmpty();
  }

  @Test
  void homeInAGroupMadeByHand_inOneHierarchy_isFound_andNothingIsLeft() throws Exception {
    assumeTrue(tree.mounts().size() > 1, "there is one hierarchy only");
    try (TargetUnit unit = new TargetUnit(name);
        Governor governor = open()) {
      Process target = unit.sleeper();
      JobTree.move(target.pid(), Files.createDirectories(unit.tree.group("memory", "hand")));
      governor.attach(Attachment.of(target.pid()).jobId("in")).detach();
      target.destroyForcibly().waitFor();
      assertThat(governor.recover().ended()).hasSize(1);
      assertThat(governor.recover().ended()).isEmpty();
      assertThat(unit.tree.everything()).isEmpty();
    }
  }

  @Test
  void emptyTreeThatNobodyMarked_isLeft() throws Exception {
    try (TargetUnit unit = new TargetUnit(name);
        Governor governor = open()) {
      Path theirs = unit.tree.group("memory", "theirs").resolve("deeper");
      Files.createDirectories(theirs);
      assertThat(governor.recover().leftovers()).isEmpty();
      assertThat(theirs).exists();
    }
  }

  @Test
  void groupThatLostItsMark_isALeftover_alsoWhereAProcessWasAttachedTo() throws Exception {
    try (TargetUnit unit = new TargetUnit(name);
        Governor governor = open()) {
      governor.attach(Attachment.of(unit.sleeper().pid()).jobId("bare")).detach();
      Path group = unit.tree.group("memory", "bare");
      Files.getFileAttributeView(group, UserDefinedFileAttributeView.class)
          .delete(CgroupFiles.MARK.replaceFirst("user.", ""));
      assertThat(governor.recover().leftovers())
          .singleElement()
          .satisfies(it -> assertThat(it.group()).isEqualTo(group.toString()))
          .satisfies(it -> assertThat(it.reason()).contains("no mark that we know"));
    }
  }

  @Test
  void anotherJobOfTheSameId_isLeftWithAReason() throws Exception {
    try (TargetUnit unit = new TargetUnit(name);
        Governor governor = open()) {
      Process target = unit.sleeper();
      try (Governor gone = open()) {
        gone.attach(Attachment.of(target.pid()).jobId("same"));
      }
      StartedJob job = governor.start(SLEEPER.jobId("same"));
      Recovery recovery = governor.recover();
      assertThat(recovery.jobs()).isEmpty();
      assertThat(recovery.leftovers())
          .singleElement()
          .satisfies(each -> assertThat(each.group()).contains(unit.name))
          .satisfies(each -> assertThat(each.reason()).contains("another job of its id"));
      job.kill();
      job.await();
      assertThat(governor.recover().jobs()).singleElement().isInstanceOf(AttachedJob.class);
    }
  }

  /** Tells of some processes whether they may be alive, by what a mark would say of them. */
  static final class Hidden {
    public static void main(String[] args) {
      ProcessKey self = ProcessKey.self();
      for (String pid : args) {
        int number = Integer.parseInt(pid);
        boolean shown = new File("/proc/" + pid).exists();
        boolean alive = new ProcessKey(number, 1, self.boot(), self.namespace()).alive();
        SecondJvm.tell((shown ? "shown " : "hidden ") + (alive ? "alive" : "dead"));
      }
    }
  }

  @Test
  void processThatProcHides_isNotTakenForDead() throws Exception {
    assumeTrue(LinuxHost.root(), "needs root to make a mount namespace");
    LinuxHost.assumeProgram("unshare");
    Process ended = new ProcessBuilder("true").start();
    ended.waitFor();
    String script = "mount -t proc -o hidepid=2 proc /proc && exec \"$@\"";
    try (SecondJvm jvm =
        SecondJvm.of(Hidden.class, ProcessHandle.current().pid(), ended.pid())
            .by("unshare", "--mount", "/bin/sh", "-c", script, "sh")
            .as(65_534)
            .start()) {
      assertThat(jvm.hear("")).as("process of another user").isEqualTo("hidden alive");
      assertThat(jvm.hear("")).as("process that has ended").isEqualTo("hidden dead");
    }
  }
}
