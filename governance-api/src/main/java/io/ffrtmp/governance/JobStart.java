package io.ffrtmp.governance;

import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** The facts with which an observation begins. */
public final class JobStart extends WireValue {

  private JobStart(Map<String, Object> json) {
    super(json);
  }

  /**
   * An observation that begins.
   *
   * @param pid the process id of the workload's leader; empty where none came to be
   * @param startTime by the wall clock; cut to the microsecond
   * @throws IllegalArgumentException if the id, the pid or the intent is not allowed
   */
  public static JobStart of(
      String jobId, OptionalLong pid, Mode mode, Optional<String> intent, Instant startTime) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("job_id", Checks.jobId(jobId));
    pid.ifPresent(leader -> json.put("pid", Checks.between("pid", leader, 1, Integer.MAX_VALUE)));
    json.put("mode", mode.wireName());
    intent.ifPresent(word -> json.put("intent", Checks.intent(word)));
    json.put("start_time", time(startTime));
    return new JobStart(json);
  }

  static JobStart fromJson(Map<String, Object> json) {
    JobStart raw = new JobStart(json);
    return of(raw.jobId(), raw.pid(), raw.mode(), raw.intent(), raw.startTime());
  }

  /** The job's id. */
  public String jobId() {
    return need("job_id", String.class::cast);
  }

  /** The process id of the leader; absent where no process came to be. */
  public OptionalLong pid() {
    return number("pid");
  }

  /** Started here, or attached to. */
  public Mode mode() {
    return constant("mode", Mode.class);
  }

  /** What the caller said that the job is for. */
  public Optional<String> intent() {
    return text("intent");
  }

  /** When the observation began, by the wall clock, to the microsecond. */
  public Instant startTime() {
    return need("start_time", WireValue::time);
  }
}
