package io.ffrtmp.governance;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;

/** What was found at the end of an observation, beside status, receipt and counters. */
public final class Evidence extends WireValue {
  /** Whose want of memory made the kernel kill. */
  public enum OomCause {
    /** The job's own {@code memory.max}. */
    OWN_LIMIT,
    /** A limit or shortage above the job. */
    ABOVE
  }

  /** Nothing was found. */
  public static final Evidence NONE = new Evidence(Map.of());

  private Evidence(Map<String, Object> json) {
    super(json, List.of("survivors", "oom_killed_by", "moved_by_others"));
  }

  /** With so many processes of the group alive after its leader. */
  public Evidence survivors(long count) {
    return new Evidence(with("survivors", Checks.between("survivors", count, 0, 1L << 32)));
  }

  /** With a process of the group killed for want of memory. */
  public Evidence oomKilledBy(OomCause cause) {
    return new Evidence(with("oom_killed_by", name(cause)));
  }

  /** With the process found outside its group, taken there by somebody else. */
  public Evidence moved() {
    return new Evidence(with("moved_by_others", true));
  }

  static Evidence fromJson(Map<String, Object> json) {
    Evidence raw = new Evidence(json);
    Evidence evidence = raw.movedByOthers() ? NONE.moved() : NONE;
    OptionalLong survivors = raw.survivors();
    Optional<OomCause> cause = raw.oomKilledBy();
    evidence = survivors.isPresent() ? evidence.survivors(survivors.getAsLong()) : evidence;
    return cause.isPresent() ? evidence.oomKilledBy(cause.get()) : evidence;
  }

  /** The processes of the group that were alive after its leader; absent where nobody counted. */
  public OptionalLong survivors() {
    return number("survivors");
  }

  /** Why the kernel killed a process of the group for want of memory, if it did. */
  public Optional<OomCause> oomKilledBy() {
    return get("oom_killed_by", name -> constant(OomCause.class, name));
  }

  /**
   * Whether the process was found outside its group, taken there by somebody else. False is no
   * proof on cgroup v1, which does not tell where a process was that has ended.
   */
  public boolean movedByOthers() {
    return get("moved_by_others", Boolean.class::cast).orElse(false);
  }
}
