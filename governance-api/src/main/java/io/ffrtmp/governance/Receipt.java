package io.ffrtmp.governance;

import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;

/** What became of each limit that was asked for, in the order of {@link Limit}. */
public final class Receipt extends Value {
  /** No limit was asked for. */
  public static final Receipt EMPTY = new Receipt(List.of());

  private final List<LimitOutcome> limits;

  private Receipt(List<LimitOutcome> limits) {
    this.limits = limits;
  }

  /** A receipt of these outcomes; for {@code io.max} they stay in the given order. */
  public static Receipt of(List<LimitOutcome> limits) {
    return new Receipt(limits.stream().sorted(Comparator.comparing(LimitOutcome::limit)).toList());
  }

  /** One outcome for each limit asked for; for {@code io.max}, one for each device. */
  public List<LimitOutcome> limits() {
    return limits;
  }

  /** Whether every limit asked for is in force; a substitute is not. */
  public boolean allInForce() {
    return limits.stream().allMatch(each -> each.status().inForce());
  }

  boolean any(Predicate<LimitOutcome.Status> condition) {
    return limits.stream().anyMatch(each -> condition.test(each.status()));
  }

  @Override
  Object content() {
    return limits;
  }
}
