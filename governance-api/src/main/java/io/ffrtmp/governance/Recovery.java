package io.ffrtmp.governance;

import java.util.List;

/** What {@link Governor#recover()} found of governors that are gone. Immutable. */
public final class Recovery extends Value {
  /**
   * A group of ours that was left as it is.
   *
   * @param group where it lies
   * @param reason why it was left, and what to do
   */
  public record Leftover(String group, String reason) {}

  private final List<Job> jobs;
  private final List<JobResult> ended;
  private final List<Leftover> leftovers;
  private final List<Capability> gaps;

  private Recovery(
      List<Job> jobs, List<JobResult> ended, List<Leftover> leftovers, List<Capability> gaps) {
    this.jobs = jobs;
    this.ended = ended;
    this.leftovers = leftovers;
    this.gaps = gaps;
  }

  /** What was found. For implementations of {@link Governor}. */
  public static Recovery of(
      List<Job> jobs, List<JobResult> ended, List<Leftover> leftovers, List<Capability> gaps) {
    return new Recovery(
        List.copyOf(jobs), List.copyOf(ended), List.copyOf(leftovers), List.copyOf(gaps));
  }

  /**
   * The jobs that are watched again: {@link StartedJob}s and {@link AttachedJob}s, by how they
   * began.
   */
  public List<Job> jobs() {
    return jobs;
  }

  /**
   * The jobs that ended while nobody watched: exit status unknown, {@code not_watched}. Listeners
   * were told of them.
   */
  public List<JobResult> ended() {
    return ended;
  }

  /** The groups that can't be classified, or have an owner who lives; left as they are. */
  public List<Leftover> leftovers() {
    return leftovers;
  }

  /** Why there is nothing to recover, or where it was not looked for, each with its cure. */
  public List<Capability> gaps() {
    return gaps;
  }

  @Override
  Object content() {
    return List.of(jobs, ended, leftovers, gaps);
  }
}
