package io.ffrtmp.governance;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import io.ffrtmp.governance.Ending.Detached;
import io.ffrtmp.governance.Ending.Ended;
import io.ffrtmp.governance.Ending.NeverStarted;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.ExitStatus.Signalled;
import io.ffrtmp.governance.ExitStatus.Unknown;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What is true of one observation, frozen at its end. Log lines, meters and violations are derived
 * from it. Jackson 2 and 3 write and read it through {@link #toJson()} and {@link #fromJson}.
 */
public final class JobResult extends WireValue {

  private JobResult(Map<String, Object> json) {
    super(json);
  }

  /**
   * Freezes what is known and decides the verdict. Times are cut to the microsecond. For
   * implementations of {@link Governor} and for tests.
   *
   * @param endTime by the wall clock
   * @param processingTime from start to end by a monotonic clock, so that no clock change distorts
   *     it
   */
  public static JobResult freeze(
      JobStart start,
      Instant endTime,
      Duration processingTime,
      Ending ending,
      Receipt receipt,
      ResourceUsage usage,
      Evidence evidence) {
    Verdict verdict = Verdict.of(start.mode(), ending, receipt, evidence);
    Map<String, Object> json = new LinkedHashMap<>(start.content());
    json.put("end_time", time(endTime));
    json.put("processing_seconds", seconds(processingTime));
    write(ending, json);
    json.putAll(evidence.content());
    json.put("platform_sla_compliant", verdict.compliant());
    json.put("platform_sla_reason", verdict.wireName());
    List<Object> limits = new ArrayList<>();
    receipt.limits().forEach(each -> limits.add(each.content()));
    json.put("limits", List.copyOf(limits));
    receipt.moved().ifPresent(moved -> json.putAll(moved.content()));
    json.put("usage", usage.content());
    return new JobResult(json);
  }

  private static void write(Ending ending, Map<String, Object> json) {
    json.put("ending", ending.wireName());
    if (ending instanceof NeverStarted never) {
      json.put("start_failure", never.failure().content());
    } else if (ending instanceof Ended ended && ended.status() instanceof Exited exited) {
      json.put("exit_code", exited.code());
    } else if (ending instanceof Ended ended && ended.status() instanceof Signalled signalled) {
      json.put("exit_signal", signalled.signal().number());
      json.put("exit_core_dumped", signalled.coreDumped());
    } else if (ending instanceof Ended ended && ended.status() instanceof Unknown unknown) {
      json.put("exit_unknown_cause", unknown.cause().wireName());
    }
  }

  /**
   * Reads what {@link #toJson()} gave, after any JSON library wrote and read it. Unknown keys are
   * ignored; the verdict is computed, not read.
   *
   * @throws IllegalArgumentException if a key is missing or a value is not understood
   */
  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
  public static JobResult fromJson(Map<String, Object> json) {
    JobResult raw = new JobResult(json);
    return freeze(
        JobStart.fromJson(json),
        raw.endTime(),
        raw.processingTime(),
        raw.ending(),
        raw.receipt(),
        ResourceUsage.fromJson(raw.need("usage", WireValue::object)),
        Evidence.fromJson(json));
  }

  /**
   * The result as a map of the wire names in their fixed order, for any JSON library: values are
   * text, numbers, booleans, lists and maps. What is unknown is absent. Unmodifiable.
   */
  @JsonValue
  public Map<String, Object> toJson() {
    Map<String, Object> json = new LinkedHashMap<>(content());
    json.replaceAll((key, value) -> value instanceof Instant ? value.toString() : value);
    return Collections.unmodifiableMap(json);
  }

  /** The facts with which the observation began. */
  public JobStart start() {
    return JobStart.fromJson(content());
  }

  /** The job's id. */
  public String jobId() {
    return need("job_id", String.class::cast);
  }

  /** The process id of the leader; absent where no process came to be. */
  public OptionalLong pid() {
    return number("pid");
  }

  /** When the observation ended, by the wall clock. */
  public Instant endTime() {
    return need("end_time", WireValue::time);
  }

  /** From start to end, by a monotonic clock. */
  public Duration processingTime() {
    return need("processing_seconds", WireValue::duration);
  }

  /** How the observation ended. */
  public Ending ending() {
    String ending = need("ending", String.class::cast);
    return switch (ending) {
      case "detached" -> new Detached();
      case "never_started" -> new NeverStarted(need("start_failure", StartFailure::fromJson));
      case "ended" -> new Ended(status());
      default -> throw new IllegalArgumentException("unknown ending '" + ending + "'");
    };
  }

  private ExitStatus status() {
    Optional<Integer> code = get("exit_code", each -> Math.toIntExact(integer(each)));
    Optional<Integer> signal = get("exit_signal", each -> Math.toIntExact(integer(each)));
    if (code.isPresent()) {
      return new Exited(code.get());
    }
    if (signal.isPresent()) {
      boolean dumped = need("exit_core_dumped", Boolean.class::cast);
      return new Signalled(new Signal(signal.get()), dumped);
    }
    return new Unknown(constant("exit_unknown_cause", ExitStatus.Cause.class));
  }

  /** How the workload's leader ended, if it was seen to end. */
  public Optional<ExitStatus> exitStatus() {
    return ending() instanceof Ended ended ? Optional.of(ended.status()) : Optional.empty();
  }

  /** Whether the workload is known to have ended; false when we only stopped watching. */
  public boolean workloadEnded() {
    return ending() instanceof Ended;
  }

  /** What became of each limit, read back once more at the end. */
  public Receipt receipt() {
    Receipt receipt =
        Receipt.of(
            need("limits", all -> ((List<?>) all).stream().map(LimitOutcome::fromJson).toList()));
    return get("moved", any -> receipt.moved(Moved.fromJson(content()))).orElse(receipt);
  }

  /** The kernel's counters at the end. */
  public ResourceUsage usage() {
    return need("usage", ResourceUsage::fromJson);
  }

  /** What else was found at the end. */
  public Evidence evidence() {
    return Evidence.fromJson(content());
  }

  /** Whether the platform kept its promise. */
  public Verdict verdict() {
    return constant("platform_sla_reason", Verdict.class);
  }

  /** The log line: {@code JOB id | sla=… | reason=… | runtime=… | exit=… | pid=…}. */
  @Override
  public String toString() {
    return "JOB "
        + jobId()
        + text("intent").map(intent -> " | intent=" + intent).orElse("")
        + (" | sla=" + (verdict().compliant() ? "COMPLIANT" : "VIOLATION"))
        + (" | reason=" + verdict().wireName())
        + (" | runtime=" + processingTime().toSeconds() + "s")
        + (" | exit=" + exitStatus().map(ExitStatus::brief).orElse("-"))
        + (" | pid=" + get("pid", Object::toString).orElse("-"));
  }
}
