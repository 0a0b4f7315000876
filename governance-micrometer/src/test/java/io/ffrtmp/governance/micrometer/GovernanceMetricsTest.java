package io.ffrtmp.governance.micrometer;

import static io.ffrtmp.governance.micrometer.MetricNames.ACTIVE_JOBS;
import static io.ffrtmp.governance.micrometer.MetricNames.CPU;
import static io.ffrtmp.governance.micrometer.MetricNames.JOBS_ATTACHED;
import static io.ffrtmp.governance.micrometer.MetricNames.JOBS_COMPLETED;
import static io.ffrtmp.governance.micrometer.MetricNames.JOBS_EXIT;
import static io.ffrtmp.governance.micrometer.MetricNames.JOBS_FAILED;
import static io.ffrtmp.governance.micrometer.MetricNames.JOBS_STARTED;
import static io.ffrtmp.governance.micrometer.MetricNames.JOB_DURATION;
import static io.ffrtmp.governance.micrometer.MetricNames.LIMITS;
import static io.ffrtmp.governance.micrometer.MetricNames.MEMORY_PEAK;
import static io.ffrtmp.governance.micrometer.MetricNames.OOM_KILLS;
import static io.ffrtmp.governance.micrometer.MetricNames.PLATFORM_SLA;
import static io.ffrtmp.governance.micrometer.MetricNames.VIOLATIONS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.Ending.Detached;
import io.ffrtmp.governance.Ending.NeverStarted;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.JobListener;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.ResourceUsage;
import io.ffrtmp.governance.ResourceUsage.Counter;
import io.ffrtmp.governance.StartFailedException;
import io.ffrtmp.governance.StartFailure;
import io.ffrtmp.governance.StartFailure.Fault;
import io.ffrtmp.governance.StartFailure.Step;
import io.ffrtmp.governance.Vocabulary;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.testing.InMemoryGovernor;
import io.ffrtmp.governance.testing.Outcome;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MockClock;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.distribution.DistributionStatisticConfig;
import io.micrometer.core.instrument.distribution.pause.PauseDetector;
import io.micrometer.core.instrument.noop.NoopTimer;
import io.micrometer.core.instrument.simple.SimpleConfig;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.domains.Domain;
import net.jqwik.api.domains.DomainContext;
import org.junit.jupiter.api.Test;

@Domain(Vocabulary.class)
@Domain(DomainContext.Global.class)
class GovernanceMetricsTest {
  private static final MetricNames NAMES = new MetricNames("ffrtmp");
  private static final StartFailure MISSING =
      StartFailure.of(Fault.WORKLOAD, Step.PROGRAM, Optional.of("ENOENT"), "no such program");
  private static final Receipt DENIED =
      Receipt.of(List.of(LimitOutcome.of(Limit.CPU_MAX, Status.DENIED, "1000 1000")));

  /** Tells a result, as a governor tells it. */
  private static void tell(JobListener listener, JobResult result) {
    if (result.ending() instanceof NeverStarted) {
      listener.startFailed(result);
    } else {
      listener.started(result.start());
      listener.finished(result);
    }
  }

  private static PrometheusMeterRegistry bound(GovernanceMetrics metrics) {
    PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    metrics.bindTo(registry);
    return registry;
  }

  /** The sum of the first value of a meter's series that have these tags. */
  private static double value(MeterRegistry registry, String name, String... tags) {
    return registry.find(NAMES.of(name)).tags(tags).meters().stream()
        .mapToDouble(meter -> meter.measure().iterator().next().getValue())
        .sum();
  }

  private static void assertBalance(MeterRegistry registry, double active) {
    assertThat(value(registry, ACTIVE_JOBS)).isEqualTo(active);
    assertThat(value(registry, JOBS_STARTED))
        .isEqualTo(value(registry, JOBS_COMPLETED) + value(registry, JOBS_FAILED) + active);
  }

  @Property(tries = 50)
  void replay_ofTheSameResults_givesTheSameMetersActiveJobsAside(
      @ForAll List<JobResult> results, @ForAll List<JobResult> going) {
    GovernanceMetrics live = new GovernanceMetrics();
    MeterRegistry registry = new SimpleMeterRegistry(SimpleConfig.DEFAULT, new MockClock());
    live.bindTo(registry);
    going.forEach(each -> live.started(each.start())); // they have no result yet
    results.forEach(each -> tell(live, each));
    assertBalance(registry, going.size());
    going.forEach(each -> live.finished(each));

    GovernanceMetrics again = new GovernanceMetrics();
    MeterRegistry fresh = new SimpleMeterRegistry(SimpleConfig.DEFAULT, new MockClock());
    again.bindTo(fresh);
    results.forEach(each -> tell(again, each));
    going.forEach(
        each -> {
          again.started(each.start());
          again.finished(each);
        });
    assertThat(values(fresh)).isEqualTo(values(registry)).isNotEmpty();
    assertBalance(fresh, 0);
  }

  private static Map<Meter.Id, List<Double>> values(MeterRegistry registry) {
    Map<Meter.Id, List<Double>> values = new HashMap<>();
    for (Meter meter : registry.getMeters()) {
      List<Double> each = new ArrayList<>();
      meter.measure().forEach(measurement -> each.add(measurement.getValue()));
      values.put(meter.getId(), each);
    }
    return values;
  }

  @Property(tries = 50)
  void results_ofAnyKind_areEachCountedWhereTheyBelong(@ForAll List<JobResult> results) {
    GovernanceMetrics metrics = new GovernanceMetrics();
    MeterRegistry registry = bound(metrics);
    results.forEach(each -> tell(metrics, each));
    long failed = results.stream().filter(GovernanceMetricsTest::neverStarted).count();
    long violations = results.stream().filter(each -> !each.verdict().compliant()).count();
    assertThat(value(registry, JOBS_FAILED)).isEqualTo(failed);
    assertThat(value(registry, JOBS_COMPLETED)).isEqualTo(results.size() - failed);
    assertThat(value(registry, JOBS_ATTACHED))
        .isEqualTo(value(registry, JOBS_STARTED, "mode", "attach"));
    assertThat(value(registry, PLATFORM_SLA)).isEqualTo(results.size());
    assertThat(value(registry, PLATFORM_SLA, "compliant", "false")).isEqualTo(violations);
    assertThat(value(registry, VIOLATIONS)).isEqualTo(violations);
    assertThat(value(registry, JOBS_EXIT))
        .isEqualTo(results.stream().filter(JobResult::workloadEnded).count());
    assertThat(value(registry, LIMITS))
        .isEqualTo(results.stream().mapToInt(each -> each.receipt().limits().size()).sum());
    assertThat(value(registry, JOB_DURATION)).isEqualTo(results.size() - failed);
  }

  private static boolean neverStarted(JobResult result) {
    return result.ending() instanceof NeverStarted;
  }

  @Test
  void meters_ofOneJobOfEachKind_tellIt() throws Exception {
    GovernanceMetrics metrics = new GovernanceMetrics();
    MeterRegistry registry = bound(metrics);
    ResourceUsage usage =
        ResourceUsage.of(
            Map.of(
                Counter.CPU_USER_USEC, 1_500_000L,
                Counter.CPU_SYSTEM_USEC, 500_000L,
                Counter.CPU_THROTTLED_USEC, 250_000L,
                Counter.MEMORY_PEAK_BYTES, 1L << 25,
                Counter.OOM_KILLS, 3L));
    try (InMemoryGovernor governor = new InMemoryGovernor(metrics)) {
      governor.onStart(
          asked -> Outcome.exited(1).receipt(DENIED).usage(usage).time(Duration.ofHours(3)));
      governor.run(Workload.of("x"));
      governor.onStart(asked -> Outcome.of(new NeverStarted(MISSING)));
      assertThatThrownBy(() -> governor.start(Workload.of("x")))
          .isInstanceOf(StartFailedException.class);
      governor.attach(Attachment.of(4711).jobId("let-go")).detach();
      governor.attach(Attachment.of(4712).jobId("going"));
      assertBalance(registry, 1);
    }
    assertBalance(registry, 0);
    assertThat(value(registry, JOBS_STARTED, "mode", "run")).isEqualTo(2);
    assertThat(value(registry, JOBS_STARTED, "mode", "attach")).isEqualTo(2);
    assertThat(value(registry, JOBS_COMPLETED, "mode", "run", "sla", "violation")).isEqualTo(1);
    assertThat(value(registry, JOBS_COMPLETED, "mode", "attach", "sla", "compliant")).isEqualTo(2);
    assertThat(value(registry, JOBS_FAILED, "reason", "workload_not_startable")).isEqualTo(1);
    assertThat(value(registry, VIOLATIONS, "reason", "limits_not_enforced")).isEqualTo(1);
    assertThat(value(registry, LIMITS, "limit", "cpu.max", "status", "denied")).isEqualTo(1);
    assertThat(value(registry, JOBS_EXIT, "exit", "non_zero")).isEqualTo(1);
    assertThat(value(registry, JOBS_EXIT)).as("what was let go of did not end").isEqualTo(1);
    assertThat(value(registry, CPU)).isCloseTo(2.0, within(1e-9));
    assertThat(value(registry, OOM_KILLS)).isEqualTo(3);
    assertThat(registry.get(NAMES.of(MEMORY_PEAK)).summary().totalAmount()).isEqualTo(1 << 25);
    assertThat(((PrometheusMeterRegistry) registry).scrape())
        .contains(
            "ffrtmp_wrapper_cpu_throttled_seconds_total 0.25\n",
            "ffrtmp_wrapper_memory_peak_bytes_bucket{le=\"1.6777216E7\"} 0\n",
            "ffrtmp_wrapper_memory_peak_bytes_bucket{le=\"6.7108864E7\"} 1\n",
            "ffrtmp_wrapper_job_duration_seconds_bucket{mode=\"run\",le=\"7200.0\"} 0\n",
            "ffrtmp_wrapper_job_duration_seconds_bucket{mode=\"run\",le=\"21600.0\"} 1\n");
  }

  @Test
  void usage_ofWhatIsObservedTwice_isCountedOnce() {
    GovernanceMetrics metrics = new GovernanceMetrics();
    MeterRegistry registry = bound(metrics);
    Outcome half =
        Outcome.of(new Detached())
            .usage(ResourceUsage.of(Map.of(Counter.CPU_USER_USEC, 1_000_000L)));
    Outcome whole =
        Outcome.exited(0).usage(ResourceUsage.of(Map.of(Counter.CPU_USER_USEC, 3_000_000L)));
    tell(metrics, half.result("j", Mode.RUN));
    tell(metrics, whole.result("j", Mode.RUN));
    assertThat(value(registry, CPU)).isEqualTo(3);
    assertThat(value(registry, JOBS_COMPLETED)).isEqualTo(2);
  }

  @Test
  void jobIds_aHundredThousandOfThem_leaveTheNumberOfMetersUnchanged() {
    GovernanceMetrics metrics = new GovernanceMetrics();
    PrometheusMeterRegistry registry = bound(metrics);
    int meters = registry.getMeters().size();
    long lines = registry.scrape().lines().count();
    Mode[] modes = Mode.values();
    for (int i = 0; i < 100_000; i++) {
      Outcome outcome = i % 3 == 0 ? Outcome.exited(i % 256).receipt(DENIED) : Outcome.exited(0);
      tell(metrics, outcome.result("job-" + i, modes[i % 2]));
    }
    assertThat(registry.getMeters()).hasSize(meters);
    assertThat(registry.scrape().lines()).hasSize((int) lines);
    assertThat(value(registry, JOBS_COMPLETED)).isEqualTo(100_000);
  }

  @Test
  void registry_boundLate_showsWhatHappenedBefore_andCountsDurationsFromThenOn() {
    GovernanceMetrics metrics = new GovernanceMetrics();
    JobResult result = Outcome.exited(0).result("j", Mode.RUN);
    tell(metrics, result);
    MeterRegistry late = bound(metrics);
    metrics.bindTo(late); // again: changes nothing
    MeterRegistry other = bound(metrics);
    tell(metrics, result);
    for (MeterRegistry each : List.of(late, other)) {
      assertBalance(each, 0);
      assertThat(value(each, JOBS_COMPLETED)).isEqualTo(2);
      assertThat(value(each, JOB_DURATION)).isEqualTo(1);
    }
  }

  @Test
  void registry_closed_isToldNoMore_andTheOthersAre() {
    GovernanceMetrics metrics = new GovernanceMetrics();
    MeterRegistry closed = bound(metrics);
    MeterRegistry open = bound(metrics);
    closed.close();
    tell(metrics, Outcome.exited(0).result("j", Mode.RUN));
    assertThat(value(closed, JOB_DURATION)).isZero();
    assertThat(value(open, JOB_DURATION)).isEqualTo(1);
  }

  /** A registry whose timers throw. */
  private static MeterRegistry hostile() {
    return new SimpleMeterRegistry() {
      @Override
      protected Timer newTimer(
          Meter.Id id, DistributionStatisticConfig config, PauseDetector pauses) {
        return new NoopTimer(id) {
          @Override
          public void record(Duration duration) {
            throw new IllegalStateException("hostile registry");
          }
        };
      }
    };
  }

  @Test
  void registry_thatThrows_harmsNoJobAndNoOtherListener() throws Exception {
    GovernanceMetrics bad = new GovernanceMetrics();
    GovernanceMetrics good = new GovernanceMetrics();
    bad.bindTo(hostile());
    MeterRegistry beside = bound(bad);
    MeterRegistry registry = bound(good);
    try (InMemoryGovernor governor = new InMemoryGovernor(bad, good)) {
      assertThat(governor.run(Workload.of("x")).exitStatus()).contains(new Exited(0));
    }
    for (MeterRegistry each : List.of(beside, registry)) {
      assertBalance(each, 0);
      assertThat(value(each, JOBS_COMPLETED)).isEqualTo(1);
    }
    assertThat(value(registry, JOB_DURATION)).isEqualTo(1);
    assertThatThrownBy(() -> bad.finished(Outcome.exited(0).result("j", Mode.RUN)))
        .as("so that a governor can count it")
        .hasMessage("hostile registry");
  }

  @Test
  void meters_readBy64ThreadsWhileJobsEnd_areNeverTorn() throws Exception {
    GovernanceMetrics metrics = new GovernanceMetrics(Tags.of("site", "a"));
    MeterRegistry registry = bound(metrics);
    int writers = 4;
    int jobs = 4_000;
    AtomicBoolean done = new AtomicBoolean();
    ExecutorService threads = Executors.newFixedThreadPool(64 + writers);
    try {
      List<Future<Integer>> readers = new ArrayList<>();
      for (int i = 0; i < 64; i++) {
        readers.add(threads.submit(() -> readUntil(done, registry, writers * jobs)));
      }
      List<Future<?>> writing = new ArrayList<>();
      for (int i = 0; i < writers; i++) {
        writing.add(
            threads.submit(
                () -> {
                  JobResult result = Outcome.exited(0).result("j", Mode.RUN);
                  for (int job = 0; job < jobs; job++) {
                    tell(metrics, result);
                  }
                }));
      }
      for (Future<?> each : writing) {
        each.get();
      }
      done.set(true);
      for (Future<Integer> each : readers) {
        assertThat(each.get()).isPositive();
      }
    } finally {
      done.set(true);
      threads.shutdownNow();
    }
    assertBalance(registry, 0);
    assertThat(value(registry, JOBS_COMPLETED)).isEqualTo(writers * jobs);
    assertThat(value(registry, JOB_DURATION)).isEqualTo(writers * jobs);
  }

  /** Counters that only rise, by whole jobs, and never show more ends than begins read later. */
  private static int readUntil(AtomicBoolean done, MeterRegistry registry, int all) {
    int reads = 0;
    double before = 0;
    boolean last;
    do {
      last = done.get();
      double completed = value(registry, JOBS_COMPLETED);
      double started = value(registry, JOBS_STARTED);
      assertThat(completed).isBetween(before, (double) all).isEqualTo(Math.rint(completed));
      assertThat(started).isBetween(completed, (double) all).isEqualTo(Math.rint(started));
      before = completed;
      reads++;
    } while (!last);
    return reads;
  }

  @Test
  void scrape_withAThousandActiveJobs_costsLittleMoreThanAnEmptyOne() {
    GovernanceMetrics idle = new GovernanceMetrics();
    GovernanceMetrics busy = new GovernanceMetrics();
    PrometheusMeterRegistry empty = bound(idle);
    PrometheusMeterRegistry full = bound(busy);
    try (InMemoryGovernor governor = new InMemoryGovernor(busy)) {
      governor.onStart(asked -> Outcome.running());
      for (int i = 0; i < 1_000; i++) {
        governor.start(Workload.of("x"));
      }
      assertBalance(full, 1_000);
      Duration more = cost(full).minus(cost(empty));
      assertThat(more).as("beside a scrape without jobs").isLessThan(Duration.ofMillis(100));
    }
  }

  /** The best of some scrapes: what it costs when nobody else wants the CPU. */
  private static Duration cost(PrometheusMeterRegistry registry) {
    long best = Long.MAX_VALUE;
    for (int i = 0; i < 50; i++) {
      long start = System.nanoTime();
      assertThat(registry.scrape()).isNotEmpty();
      best = Math.min(best, System.nanoTime() - start);
    }
    return Duration.ofNanos(best);
  }
}
