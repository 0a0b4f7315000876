package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.JobIdInUseException;
import io.ffrtmp.governance.JobListener;
import io.ffrtmp.governance.JobStart;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Stdio;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Pidfd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A JVM dies while it starts a workload, in each way and at any instant. Afterwards either nothing
 * is there, or the workload runs inside all of its limits.
 */
@Tag("kernel")
class SurvivalKernelTest {
  private static final int MOMENTS = LinuxHost.SLOWNESS > 1 ? 2 : 25;
  private static final Set<Death> DEATHS = EnumSet.allOf(Death.class);
  private static final int AT_ONCE = 3;

  /** Over how many times a usual start the moments are spread: some must come after it. */
  private static final double SPREAD = 2;

  private static final String ID = "job";
  private static final long MEMORY_BYTES = 64L << 20;
  private static final CpuMax CPU = new CpuMax(50_000, 100_000);
  private static final Duration PATIENCE = LinuxHost.patience(30);
  private static final String LOOP = "while :; do echo x; sleep 0.02; done";
  private static final String OURS = "ffrtmp-survival-" + ProcessHandle.current().pid();
  private static final AtomicInteger TRIALS = new AtomicInteger();
  private static final Set<String> UNFINISHED = ConcurrentHashMap.newKeySet();

  private static long startNanos;

  @TempDir Path dir;

  /** How a JVM dies. */
  enum Death {
    SIGKILL,
    SIGTERM,
    EXIT,
    CRASH;

    void come(SecondJvm jvm, Pidfd pidfd) throws ErrnoException {
      switch (this) {
        case SIGKILL -> pidfd.send(9);
        case SIGTERM -> pidfd.send(15);
        case CRASH -> pidfd.send(11);
        case EXIT -> jvm.say("exit");
      }
    }
  }

  /** What is found after it. */
  enum Fate {
    NEVER_STARTED,
    LIVES
  }

  /** What runs in the second JVM: one start, which may be stopped at a seam. */
  static final class Starter {
    public static void main(String[] args) throws Exception {
      String name = args[0];
      LinuxGovernor.Builder builder = LinuxGovernor.builder().directoryName(name);
      if (args.length > 2) {
        Seam seam = Seam.valueOf(args[2]);
        builder.files(seam.files(name + "/" + ID, Starter::stop)).listener(at(seam));
      }
      Governor governor = builder.open();
      Thread ears = new Thread(Starter::exitOnTheWord);
      ears.setDaemon(true);
      ears.start();
      SecondJvm.tell("start begins");
      long before = System.nanoTime();
      StartedJob job = governor.start(workload(name, Path.of(args[1])));
      if (args.length > 2) {
        stop();
      }
      SecondJvm.tell("start took " + (System.nanoTime() - before) + " " + job.pid());
      Thread.sleep(Long.MAX_VALUE);
    }

    private static JobListener at(Seam seam) {
      return new JobListener() {
        @Override
        public void started(JobStart start) {
          if (seam == Seam.GATE_OPEN) {
            stop();
          }
        }
      };
    }

    private static void stop() {
      SecondJvm.tell("start stopped");
      while (true) {
        LockSupport.park();
      }
    }

    private static void exitOnTheWord() {
      try {
        System.in.read();
        System.exit(3);
      } catch (IOException e) {
        throw new AssertionError(e);
      }
    }
  }

  private static Workload workload(String name, Path output) {
    return Workload.of("sh", "-c", LOOP, name)
        .jobId(ID)
        .limits(Limits.NONE.cpuMax(CPU).memoryMaxBytes(MEMORY_BYTES))
        .stdout(Stdio.append(output));
  }

  /** One JVM, from its start to the proof that nothing is left of it. */
  private final class Trial {
    private final String name = OURS + "-" + TRIALS.incrementAndGet();
    private final Path output = dir.resolve(name);

    private SecondJvm jvm(Object... seam) throws IOException {
      UNFINISHED.add(name);
      List<Object> arguments = new ArrayList<>(List.of(name, output));
      arguments.addAll(List.of(seam));
      return SecondJvm.of(Starter.class, arguments.toArray()).start();
    }

    Fate dieAfter(Duration delay, Death death) throws Exception {
      try (SecondJvm jvm = jvm();
          Pidfd pidfd = Pidfd.open(jvm.pid())) {
        jvm.hear("start begins");
        LockSupport.parkNanos(delay.toNanos());
        death.come(jvm, pidfd);
        jvm.awaitEnd();
        return examine(jvm);
      }
    }

    Fate dieAt(Seam seam, Death death) throws Exception {
      try (SecondJvm jvm = jvm(seam);
          Pidfd pidfd = Pidfd.open(jvm.pid())) {
        jvm.hear("start begins");
        assumeTrue(jvm.hear("start").equals("stopped"), "no " + seam + " in a start on this host");
        death.come(jvm, pidfd);
        jvm.awaitEnd();
        return examine(jvm);
      }
    }

    /** Nanoseconds that a start takes in a JVM that has done nothing before. */
    long startNanos() throws Exception {
      SecondJvm jvm = jvm();
      try (jvm) {
        return Long.parseLong(jvm.hear("start took").split(" ")[0]);
      } finally {
        assertThat(examine(jvm)).isEqualTo(Fate.LIVES);
      }
    }

    private Fate examine(SecondJvm jvm) throws Exception {
      Fate fate = fate(jvm);
      UNFINISHED.remove(name);
      return fate;
    }

    private Fate fate(SecondJvm jvm) throws Exception {
      await("the gate goes, or has become the workload: " + jvm)
          .atMost(PATIENCE)
          .pollInterval(Duration.ofMillis(5))
          .until(() -> !becoming() && processes().stream().allMatch(this::isWorkload));
      List<Integer> leaders = leaders();
      assertThat(leaders).hasSizeLessThan(2);
      if (leaders.isEmpty()) {
        assertNothingIsLeft();
        return Fate.NEVER_STARTED;
      }
      int leader = leaders.get(0);
      assertLivesWithinItsLimits(leader, jvm);
      assertLeftAloneByTheNextGovernor(leader);
      end(leader);
      awaitRemovedByTheNextGovernor();
      return Fate.LIVES;
    }

    /** Whether one is just being executed: it lives in its group, and has no command line yet. */
    private boolean becoming() {
      boolean populated =
          groups().stream()
              .anyMatch(
                  group -> !LinuxHost.read(group.resolve("cgroup.procs")).orElse("").isEmpty());
      return populated && leaders().isEmpty();
    }

    /** A shell that just forked shows up twice; the leader leads its session. */
    private List<Integer> leaders() {
      List<Integer> leaders = processes();
      leaders.removeIf(pid -> !LinuxHost.stat(pid, 6).equals(Optional.of("" + pid)));
      return leaders;
    }

    private List<Integer> processes() {
      return LinuxHost.processesWith(name);
    }

    private boolean isWorkload(int pid) {
      List<String> command = LinuxHost.commandLine(pid);
      return command.size() == 4 && command.subList(1, 4).equals(List.of("-c", LOOP, name));
    }

    private void assertNothingIsLeft() throws IOException {
      assertThat(LinuxHost.read(output).orElse("")).as("output of what never started").isEmpty();
      awaitRemovedByTheNextGovernor(); // what has no command line any more may not have left yet
    }

    private void awaitRemovedByTheNextGovernor() {
      await("the group is removed once it is empty")
          .atMost(PATIENCE)
          .untilAsserted(this::assertRemovedByTheNextGovernor);
    }

    private void assertRemovedByTheNextGovernor() {
      try (Governor next = LinuxGovernor.builder().directoryName(name).open()) {
        assertThat(next.jobs()).isEmpty();
        assertThat(LinuxHost.cgroupsNamed(name))
            .allSatisfy(base -> assertThat(base.resolve(ID)).doesNotExist());
      }
      assertThat(LinuxHost.cgroupsNamed(name)).isEmpty();
    }

    private void assertLivesWithinItsLimits(int leader, SecondJvm jvm) throws IOException {
      List<Path> groups = groups();
      assertThat(groups).hasSameSizeAs(LinuxHost.jobHierarchies());
      for (Path group : groups) {
        assertThat(LinuxHost.read(group.resolve("cgroup.procs")).orElse("").lines())
            .as("members of %s", group)
            .contains("" + leader);
      }
      assertThat(setting(groups, "memory.max", "memory.limit_in_bytes"))
          .isEqualTo("" + MEMORY_BYTES);
      assertThat(setting(groups, "cpu.max", "cpu.cfs_quota_us")).startsWith("" + CPU.quotaMicros());
      assertThat(setting(groups, "cpu.max", "cpu.cfs_period_us")).endsWith("" + CPU.periodMicros());
      int parent = Integer.parseInt(LinuxHost.stat(leader, 4).orElseThrow());
      assertThat(parent).isNotIn(jvm.pid(), (int) ProcessHandle.current().pid());
      long written = output.toFile().length();
      await("output grows").atMost(PATIENCE).until(() -> output.toFile().length() > written);
    }

    private List<Path> groups() {
      return LinuxHost.cgroupsNamed(name).stream()
          .map(base -> base.resolve(ID))
          .filter(Files::isDirectory)
          .toList();
    }

    /** The value of the first file, or of the second on v1, in the one group that has it. */
    private String setting(List<Path> groups, String unified, String old) {
      return groups.stream()
          .flatMap(group -> Stream.of(group.resolve(unified), group.resolve(old)))
          .flatMap(file -> LinuxHost.read(file).stream())
          .reduce((one, other) -> one + " and " + other)
          .orElse("none")
          .strip();
    }

    private void assertLeftAloneByTheNextGovernor(int leader) throws IOException {
      try (Governor next = LinuxGovernor.builder().directoryName(name).open()) {
        assertThatThrownBy(() -> next.start(workload(name, output)))
            .isInstanceOf(JobIdInUseException.class);
        assertThat(next.jobs()).isEmpty();
      }
      assertThat(processes()).contains(leader);
      assertThat(groups()).hasSameSizeAs(LinuxHost.jobHierarchies());
    }

    private void end(int leader) throws ErrnoException {
      try (Pidfd pidfd = Pidfd.open(leader)) {
        assertThat(isWorkload(leader)).isTrue();
        pidfd.send(9);
      }
      await().atMost(PATIENCE).until(() -> processes().isEmpty());
    }
  }

  @BeforeAll
  static void assumeLimits(@TempDir Path any) throws Exception {
    String name = OURS + "-0";
    try (Governor governor = LinuxGovernor.builder().directoryName(name).open()) {
      Limits limits = workload(name, any).limits();
      boolean held = governor.run(Workload.of("true").limits(limits)).receipt().allInForce();
      assumeTrue(held, "the host gives us no cpu.max and memory.max");
    }
  }

  @ParameterizedTest
  @EnumSource
  void start_jvmDiesAtAnyMoment_leavesNothingOrALimitedWorkload(Death death) throws Exception {
    long usual = usualStartNanos();
    long seed = System.nanoTime();
    Random random = new Random(seed);
    List<Callable<Fate>> trials = new ArrayList<>();
    for (int i = 0; i < MOMENTS; i++) { // one in each slice of a start and what follows
      double when = SPREAD * (i + random.nextDouble()) / MOMENTS;
      Duration delay = Duration.ofNanos((long) (when * usual));
      trials.add(() -> new Trial().dieAfter(delay, death));
    }
    List<Fate> fates = inParallel(trials);
    long lives = fates.stream().filter(Fate.LIVES::equals).count();
    System.out.printf(
        "%s: of %d workloads %d live; a start took %d ms; seed %d%n",
        death, MOMENTS, lives, usual / 1_000_000, seed);
  }

  @ParameterizedTest
  @EnumSource
  void start_jvmDiesAtASeam_leavesNothingOrALimitedWorkload(Seam seam) throws Exception {
    boolean oneDirectory = LinuxHost.jobHierarchies().size() == 1;
    assumeTrue(seam != Seam.HALF_PLACED || !oneDirectory, "no HALF_PLACED with one hierarchy");
    assumeTrue(seam != Seam.GATE || gated(), "no GATE where it is born in its group");
    List<Callable<Fate>> trials = new ArrayList<>();
    for (Death death : LinuxHost.SLOWNESS > 1 ? EnumSet.of(Death.SIGKILL) : DEATHS) {
      trials.add(() -> new Trial().dieAt(seam, death));
    }
    List<Fate> fates = inParallel(trials);
    if (seam != Seam.PLACED || !oneDirectory) { // else it may be born inside, and runs by then
      boolean executes = seam.compareTo(Seam.GATE_OPEN) >= 0;
      Fate expected = executes ? Fate.LIVES : Fate.NEVER_STARTED;
      assertThat(fates).containsOnly(expected);
    }
  }

  private static boolean gated() {
    return LinuxGovernor.probe().capabilities().stream()
        .anyMatch(each -> each.name().equals("spawn") && each.detail().contains("gate"));
  }

  /** As long as it takes when as many are under way as in the trials. */
  private long usualStartNanos() throws Exception {
    if (startNanos == 0) {
      List<Callable<Long>> starts = new ArrayList<>();
      for (int i = 0; i < 2 * AT_ONCE; i++) {
        starts.add(() -> new Trial().startNanos());
      }
      startNanos = inParallel(starts).stream().sorted().skip(AT_ONCE).findFirst().orElseThrow();
    }
    return startNanos;
  }

  /** A few at once; the first failure is thrown after all have ended. */
  private static <T> List<T> inParallel(List<Callable<T>> trials) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(AT_ONCE);
    try {
      List<T> results = new ArrayList<>();
      for (Future<T> each : pool.invokeAll(trials)) {
        results.add(each.get());
      }
      return results;
    } catch (ExecutionException e) {
      throw e.getCause() instanceof RuntimeException skipped ? skipped : e; // an assumption
    } finally {
      pool.shutdown();
    }
  }

  /** What failed trials left. */
  @AfterEach
  void endWhatIsOurs() throws Exception {
    for (String name : UNFINISHED) {
      for (int pid : LinuxHost.processesWith(name)) {
        try (Pidfd pidfd = Pidfd.open(pid)) {
          pidfd.send(9);
        } catch (ErrnoException ended) {
          continue;
        }
      }
      await().atMost(PATIENCE).until(() -> LinuxHost.processesWith(name).isEmpty());
      LinuxGovernor.builder().directoryName(name).open().close();
    }
    UNFINISHED.clear();
  }
}
