package io.ffrtmp.governance.micrometer;

import static io.ffrtmp.governance.micrometer.MetricNames.*;

import io.ffrtmp.governance.ExitStatus;
import io.ffrtmp.governance.JobListener;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.JobStart;
import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.ResourceUsage;
import io.ffrtmp.governance.ResourceUsage.Counter;
import io.ffrtmp.governance.Verdict;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter.Id;
import io.micrometer.core.instrument.Meter.Type;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.micrometer.core.instrument.binder.MeterBinder;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.DoubleAdder;
import java.util.stream.Stream;

/**
 * The meters of the governors that it listens to; {@link MetricNames} tells each, and when it
 * moves. Tags are constants of enums, never a job id, a pid or a path: the number of meters is
 * fixed, and all are there from the first, at zero.
 *
 * <p>Counters and gauges are kept here, from the first event on: every registry shows the same,
 * whenever it was bound. Histograms are kept by each registry, from {@link #bindTo} on. Binding a
 * registry twice changes nothing; a closed one is told no more. Two of these on one registry need
 * different tags.
 *
 * <p>Thread-safe. A registry that throws harms no job: the governor counts it; the histograms of
 * other registries may miss that job, unless each registry has a listener of its own. One that
 * blocks delays results, as any listener.
 */
public final class GovernanceMetrics implements MeterBinder, JobListener {
  /** From a job of a second to a stream of a month. */
  private static final Duration[] DURATIONS =
      Stream.of("1s 2s 5s 10s 30s 1m 2m 5m 10m 30m 1h 2h 6h 12h 24h 48h 168h 720h".split(" "))
          .map(text -> Duration.parse("PT" + text))
          .toArray(Duration[]::new);

  /** From 16 MiB to 64 GiB. */
  private static final double[] BYTES = {0x1p24, 0x1p26, 0x1p28, 0x1p30, 0x1p32, 0x1p34, 0x1p36};

  private final MetricNames names;
  private final Tags common;
  private final Map<Id, DoubleAdder> sums = new ConcurrentHashMap<>();
  private final Set<MeterRegistry> bound = ConcurrentHashMap.newKeySet();

  /** With the prefix {@code ffrtmp} and no tags. */
  public GovernanceMetrics() {
    this(Tags.empty());
  }

  /** With the prefix {@code ffrtmp}, and these tags on every meter. */
  public GovernanceMetrics(Iterable<Tag> tags) {
    this(new MetricNames("ffrtmp"), tags);
  }

  /** With these names, and these tags on every meter. */
  public GovernanceMetrics(MetricNames names, Iterable<Tag> tags) {
    this.names = names;
    this.common = Tags.of(tags);
    Tag[] modes = tags("mode", Stream.of(Mode.values()).map(Mode::wireName));
    Tag[] sla = tags("sla", Stream.of("compliant", "violation"));
    Tag[] failures = tags("reason", Stream.of("platform_start_failed", "workload_not_startable"));
    Tag[] compliant = tags("compliant", Stream.of("true", "false"));
    Stream<Verdict> broken = Stream.of(Verdict.values()).filter(each -> !each.compliant());
    Tag[] violations = tags("reason", broken.map(Verdict::wireName));
    Tag[] exits = tags("exit", Stream.of("zero", "non_zero", "signalled", "unknown"));
    Tag[] limits = tags("limit", Stream.of(Limit.values()).map(Limit::wireName));
    Tag[] statuses = tags("status", Stream.of(Status.values()).map(Status::wireName));
    sum(Type.COUNTER, JOBS_STARTED, "Observations begun, and starts that failed", modes);
    sum(Type.GAUGE, ACTIVE_JOBS, "Observations begun and not ended", modes);
    sum(Type.COUNTER, JOBS_COMPLETED, "Observations ended, by detaching too", modes, sla);
    sum(Type.COUNTER, JOBS_FAILED, "Workloads that never started", modes, failures);
    sum(Type.COUNTER, JOBS_ATTACHED, "Observations begun by attaching");
    sum(Type.COUNTER, PLATFORM_SLA, "Results, by whether the platform did its part", compliant);
    sum(Type.COUNTER, VIOLATIONS, "Results in which the platform failed its part", violations);
    sum(Type.COUNTER, JOBS_EXIT, "Workloads seen to end, by how", exits);
    sum(Type.COUNTER, LIMITS, "Limits asked for, by what became of them", limits, statuses);
    sum(Type.COUNTER, OOM_KILLS, "Processes killed for want of memory, in what has ended");
    sum(Type.TIMER, CPU, "CPU time of workloads that have ended");
    sum(Type.TIMER, CPU_THROTTLED, "Time held back by cpu.max, of workloads that have ended");
  }

  private static Tag[] tags(String key, Stream<String> values) {
    return values.map(value -> Tag.of(key, value)).toArray(Tag[]::new);
  }

  /** A series for each combination of tags. */
  private void sum(Type type, String name, String description, Tag[]... by) {
    Stream<Tags> all = Stream.of(common);
    for (Tag[] each : by) {
      all = all.flatMap(tags -> Stream.of(each).map(tag -> tags.and(tag)));
    }
    String unit = type == Type.TIMER ? "seconds" : null;
    all.forEach(tags -> sums.put(new Id(name, tags, unit, description, type), new DoubleAdder()));
  }

  /** A sum is found by its name and tags. */
  private void add(double amount, String name, String... tags) {
    Id id = new Id(name, common.and(tags), null, null, Type.COUNTER);
    Objects.requireNonNull(sums.get(id), name).add(amount);
  }

  @Override
  public void bindTo(MeterRegistry registry) {
    sums.forEach((id, sum) -> bind(registry, id, sum));
    Stream.of(Mode.values()).forEach(mode -> duration(registry, mode));
    memoryPeak(registry);
    bound.add(registry);
  }

  /** A registry holds a sum weakly; the function that it holds holds the sum too. */
  private void bind(MeterRegistry registry, Id id, DoubleAdder sum) {
    String name = names.of(id.getName());
    String text = id.getDescription();
    if (id.getType() == Type.GAUGE) {
      Gauge.builder(name, sum::sum).tags(id.getTags()).description(text).register(registry);
    } else {
      FunctionCounter.builder(name, sum, same -> sum.sum())
          .tags(id.getTags())
          .description(text)
          .baseUnit(id.getBaseUnit())
          .register(registry);
    }
  }

  private Timer duration(MeterRegistry registry, Mode mode) {
    return Timer.builder(names.of(JOB_DURATION))
        .description("From the begin to the end of an observation")
        .tags(common.and("mode", mode.wireName()))
        .serviceLevelObjectives(DURATIONS)
        .register(registry);
  }

  private DistributionSummary memoryPeak(MeterRegistry registry) {
    return DistributionSummary.builder(names.of(MEMORY_PEAK))
        .description("The most memory charged to a workload that has ended")
        .baseUnit("bytes")
        .tags(common)
        .serviceLevelObjectives(BYTES)
        .register(registry);
  }

  @Override
  public void started(JobStart start) {
    add(1, JOBS_STARTED, "mode", start.mode().wireName());
    add(1, ACTIVE_JOBS, "mode", start.mode().wireName());
    add(start.mode() == Mode.ATTACH ? 1 : 0, JOBS_ATTACHED);
  }

  @Override
  public void startFailed(JobResult result) {
    started(result.start());
    String mode = result.start().mode().wireName();
    add(1, JOBS_FAILED, "mode", mode, "reason", result.verdict().wireName());
    over(result);
  }

  @Override
  public void finished(JobResult result) {
    String mode = result.start().mode().wireName();
    String sla = result.verdict().compliant() ? "compliant" : "violation";
    add(1, JOBS_COMPLETED, "mode", mode, "sla", sla);
    over(result);
    bound.removeIf(MeterRegistry::isClosed);
    // What was let go of tells its exit and its counters at its end.
    result.exitStatus().ifPresent(status -> ended(status, result.usage()));
    bound.forEach(each -> duration(each, result.start().mode()).record(result.processingTime()));
  }

  private void over(JobResult result) {
    Verdict verdict = result.verdict();
    add(-1, ACTIVE_JOBS, "mode", result.start().mode().wireName());
    add(1, PLATFORM_SLA, "compliant", String.valueOf(verdict.compliant()));
    if (!verdict.compliant()) {
      add(1, VIOLATIONS, "reason", verdict.wireName());
    }
    for (LimitOutcome each : result.receipt().limits()) {
      add(1, LIMITS, "limit", each.limit().wireName(), "status", each.status().wireName());
    }
  }

  private void ended(ExitStatus status, ResourceUsage usage) {
    String exit =
        status instanceof ExitStatus.Exited exited
            ? exited.code() == 0 ? "zero" : "non_zero"
            : status instanceof ExitStatus.Signalled ? "signalled" : "unknown";
    add(1, JOBS_EXIT, "exit", exit);
    usage.get(Counter.OOM_KILLS).ifPresent(killed -> add(killed, OOM_KILLS));
    usage.get(Counter.CPU_USER_USEC).ifPresent(micros -> add(micros / 1e6, CPU));
    usage.get(Counter.CPU_SYSTEM_USEC).ifPresent(micros -> add(micros / 1e6, CPU));
    usage.get(Counter.CPU_THROTTLED_USEC).ifPresent(micros -> add(micros / 1e6, CPU_THROTTLED));
    OptionalLong peak = usage.get(Counter.MEMORY_PEAK_BYTES);
    peak.ifPresent(bytes -> bound.forEach(each -> memoryPeak(each).record(bytes)));
  }
}
