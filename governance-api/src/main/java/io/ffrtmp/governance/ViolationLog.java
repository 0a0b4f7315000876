package io.ffrtmp.governance;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;

/**
 * The newest violations, for whoever asks what went wrong lately: a ring that forgets the oldest.
 * Thread-safe; never blocks.
 */
public final class ViolationLog implements JobListener {
  private final long capacity;
  private final AtomicReference<List<Violation>> newest = new AtomicReference<>(List.of());

  /** Keeps the newest 50. */
  public ViolationLog() {
    this(50);
  }

  /**
   * Keeps so many.
   *
   * @throws IllegalArgumentException if that is not within 1 and 10,000
   */
  public ViolationLog(int capacity) {
    this.capacity = Checks.between("capacity", capacity, 1, 10_000);
  }

  @Override
  public void finished(JobResult result) {
    if (!result.verdict().compliant()) {
      Violation one = Violation.of(result);
      newest.updateAndGet(
          old -> Stream.concat(Stream.of(one), old.stream()).limit(capacity).toList());
    }
  }

  @Override
  public void startFailed(JobResult result) {
    finished(result);
  }

  /** What is kept, newest first: a copy that changes no more. */
  @JsonValue
  public List<Violation> newest() {
    return newest.get();
  }
}
