package io.ffrtmp.governance;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/**
 * The newest violations, for whoever asks what went wrong lately: a ring that forgets the oldest.
 * Thread-safe.
 */
public final class ViolationLog implements JobListener {
  private final long capacity;
  private final Deque<Violation> ring = new ArrayDeque<>();

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
      synchronized (ring) {
        ring.addFirst(Violation.of(result));
        if (ring.size() > capacity) {
          ring.removeLast();
        }
      }
    }
  }

  @Override
  public void startFailed(JobResult result) {
    finished(result);
  }

  /** What is kept, newest first: a copy that changes no more. */
  @JsonValue
  public List<Violation> newest() {
    synchronized (ring) {
      return List.copyOf(ring);
    }
  }
}
