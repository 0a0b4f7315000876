package io.ffrtmp.governance;

import com.fasterxml.jackson.annotation.JsonValue;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/** One observation in which the platform broke its promise, as a {@link ViolationLog} keeps it. */
public final class Violation extends WireValue {

  private Violation(Map<String, Object> json) {
    super(json, List.of("job_id", "reason", "duration_seconds", "exit_code", "pid"));
  }

  static Violation of(JobResult result) {
    Map<String, Object> json = new HashMap<>(result.content());
    json.put("reason", result.verdict().wireName());
    json.put("duration_seconds", json.get("processing_seconds"));
    return new Violation(json);
  }

  /** The violation as a map of the wire names in their fixed order, for any JSON library. */
  @JsonValue
  public Map<String, Object> toJson() {
    return content();
  }

  /** The job's id. */
  public String jobId() {
    return need("job_id", String.class::cast);
  }

  /** How the platform broke its promise. */
  public Verdict reason() {
    return constant("reason", Verdict.class);
  }

  /** How long the job was observed. */
  public Duration duration() {
    return need("duration_seconds", WireValue::duration);
  }

  /** The exit code; absent where the workload did not exit by itself, or nobody knows. */
  public OptionalLong exitCode() {
    return number("exit_code");
  }

  /** The process id of the leader; absent where no process came to be. */
  public OptionalLong pid() {
    return number("pid");
  }
}
