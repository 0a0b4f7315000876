package io.ffrtmp.governance;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What became of one limit: asked, written, read back, effective. Values are in the kernel's form.
 */
public final class LimitOutcome extends WireValue {
  /** What became of a limit. */
  public enum Status {
    /** Written, and read back as asked. */
    APPLIED,
    /** In force, but not as asked: the kernel rounded it, or an ancestor's limit is tighter. */
    ADJUSTED,
    /** Something weaker stands in for it: a niceness for a weight. */
    SUBSTITUTED,
    /** The host could, but we are not permitted. */
    DENIED,
    /** The host can't. */
    UNSUPPORTED,
    /** It was in force, and at the end it was found changed by somebody else. */
    LOST;

    /** The name in JSON and meters, such as {@code applied}. */
    public String wireName() {
      return WireValue.name(this);
    }

    /** Whether the kernel holds the workload to a limit of this kind. */
    public boolean inForce() {
      return this == APPLIED || this == ADJUSTED;
    }
  }

  /** What can be told of an outcome beside its status. */
  public enum Detail {
    /** The text that was written to the kernel. */
    WRITTEN,
    /** The text that the kernel gave back; at the end, what it gave back last. */
    READ_BACK,
    /** What really holds, where that differs from what was asked. */
    EFFECTIVE,
    /** The group, or other thing, that imposes what really holds. */
    EFFECTIVE_AT,
    /** The file concerned. */
    FILE,
    /** The errno's name, such as {@code EACCES}. */
    ERRNO,
    /** What an operator can do about it. */
    CURE
  }

  private static final List<String> KEYS =
      List.of(
          "limit status asked written read_back effective effective_at file errno cure".split(" "));

  private LimitOutcome(Map<String, Object> json) {
    super(json, KEYS);
  }

  /** An outcome without details. */
  public static LimitOutcome of(Limit limit, Status status, String asked) {
    return new LimitOutcome(
        Map.of("limit", limit.wireName(), "status", status.wireName(), "asked", asked));
  }

  static LimitOutcome fromJson(Object json) {
    LimitOutcome raw = new LimitOutcome(object(json));
    LimitOutcome outcome = of(raw.limit(), raw.status(), raw.asked());
    for (Detail detail : Detail.values()) {
      Optional<String> value = raw.get(detail);
      outcome = value.isPresent() ? outcome.with(detail, value.get()) : outcome;
    }
    return outcome;
  }

  /** The same with another status; where that is not in force, nothing is effective any more. */
  public LimitOutcome status(Status status) {
    Map<String, Object> changed = with("status", status.wireName());
    if (!status.inForce()) {
      changed.keySet().removeAll(List.of(name(Detail.EFFECTIVE), name(Detail.EFFECTIVE_AT)));
    }
    return new LimitOutcome(changed);
  }

  /** With this detail added or replaced. */
  public LimitOutcome with(Detail detail, String value) {
    return new LimitOutcome(with(name(detail), value));
  }

  /** Which limit. */
  public Limit limit() {
    return need("limit", Limit::of);
  }

  /** What became of it. */
  public Status status() {
    return constant("status", Status.class);
  }

  /** What the caller asked for. */
  public String asked() {
    return need("asked", String.class::cast);
  }

  /** A detail, where there is something to tell. */
  public Optional<String> get(Detail detail) {
    return text(name(detail));
  }

  /** What the kernel gave back after the write; at the end, what it gave back last. */
  public Optional<String> readBack() {
    return get(Detail.READ_BACK);
  }

  /** What really holds, where that differs from what was asked. */
  public Optional<String> effective() {
    return get(Detail.EFFECTIVE);
  }

  /** The errno's name, such as {@code EACCES}. */
  public Optional<String> errno() {
    return get(Detail.ERRNO);
  }

  /** What an operator can do about it. */
  public Optional<String> cure() {
    return get(Detail.CURE);
  }
}
