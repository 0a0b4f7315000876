package io.ffrtmp.governance;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** What became of each limit that was asked for, in the order of {@link Limit}. */
public final class Receipt extends Value {
  /** No limit was asked for. */
  public static final Receipt EMPTY = new Receipt(List.of(), Optional.empty());

  private final List<LimitOutcome> limits;
  private final Optional<Moved> moved;

  private Receipt(List<LimitOutcome> limits, Optional<Moved> moved) {
    this.limits = limits;
    this.moved = moved;
  }

  /** A receipt of these outcomes; for {@code io.max} they stay in the given order. */
  public static Receipt of(List<LimitOutcome> limits) {
    if (limits.isEmpty()) {
      return EMPTY;
    }
    List<LimitOutcome> sorted =
        limits.stream().sorted(Comparator.comparing(LimitOutcome::limit)).toList();
    return new Receipt(sorted, Optional.empty());
  }

  /** These outcomes, and what became of the processes that were attached to. */
  public Receipt moved(Moved processes) {
    return new Receipt(limits, Optional.of(processes));
  }

  /** The same, but for what became of the limits. */
  public Receipt limits(List<LimitOutcome> outcomes) {
    return new Receipt(of(outcomes).limits, moved);
  }

  /** One outcome for each limit asked for; for {@code io.max}, one for each device. */
  public List<LimitOutcome> limits() {
    return limits;
  }

  /** What became of the processes; only where some were moved, or had to be. */
  public Optional<Moved> moved() {
    return moved;
  }

  /** Whether every limit asked for is in force; a substitute is not. */
  public boolean allInForce() {
    return limits.stream().allMatch(each -> each.status().inForce());
  }

  boolean any(Predicate<LimitOutcome.Status> condition) {
    return !limits.isEmpty() && limits.stream().anyMatch(each -> condition.test(each.status()));
  }

  @Override
  Object content() {
    return List.of(limits, moved);
  }
}
