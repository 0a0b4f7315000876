package io.ffrtmp.governance;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/** One thing that this host can do, can't do, or is; and for a gap, the line that would cure it. */
public final class Capability extends WireValue {
  /** How far it is there. */
  public enum State {
    /** There. */
    YES,
    /** There with a restriction, which the detail tells. */
    PARTLY,
    /** Not there; the library does without. */
    NO,
    /** Not there, and without it no governor can be opened. */
    BLOCKING
  }

  private Capability(Map<String, Object> json) {
    super(json, List.of("name", "state", "detail", "cure"));
  }

  /**
   * A capability without a cure.
   *
   * @param name a stable word, such as {@code cpu.max} or {@code spawn}
   * @param detail what was found
   */
  public static Capability of(String name, State state, String detail) {
    return new Capability(Map.of("name", name, "state", name(state), "detail", detail));
  }

  /** With what an operator can do about the gap. */
  public Capability cure(String advice) {
    return new Capability(with("cure", advice));
  }

  /** A stable word, such as {@code cpu.max} or {@code spawn}. */
  public String name() {
    return need("name", String.class::cast);
  }

  /** How far it is there. */
  public State state() {
    return constant("state", State.class);
  }

  /** What was found. */
  public String detail() {
    return need("detail", String.class::cast);
  }

  /** What an operator can do about the gap. */
  public Optional<String> cure() {
    return text("cure");
  }
}
