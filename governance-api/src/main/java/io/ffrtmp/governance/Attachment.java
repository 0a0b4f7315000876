package io.ffrtmp.governance;

import java.util.Map;
import java.util.Optional;

/**
 * A process that already runs, and what is asked for it.
 *
 * <p>Defaults:
 *
 * <ul>
 *   <li>job id: generated
 *   <li>intent: none
 *   <li>limits: none, not required
 *   <li>the process stays inside the unit, or container, in which it lives
 * </ul>
 *
 * <p>Every setter returns a copy.
 */
public final class Attachment extends WireValue {
  /** The largest process id that Linux can have, PID_MAX_LIMIT of linux/threads.h. */
  private static final long LARGEST_PID = 4_194_304;

  private Attachment(Map<String, Object> fields) {
    super(fields);
  }

  private Attachment set(String key, Object value) {
    return new Attachment(with(key, value));
  }

  /**
   * The process with this id, as this JVM's pid namespace numbers it, and its descendants.
   *
   * @throws IllegalArgumentException if no process can have it: it is not within 1 and 4,194,304
   */
  public static Attachment of(long pid) {
    Checks.between("pid", pid, 1, LARGEST_PID);
    return new Attachment(
        Map.of("pid", pid, "limits", Limits.NONE, "limitsRequired", false, "leaveUnit", false));
  }

  /** This process and its descendants. */
  public static Attachment of(ProcessHandle process) {
    return of(process.pid());
  }

  /**
   * With this id: 1 to 128 of {@code A-Z a-z 0-9 . _ -}, no leading dot, and no name of a cgroup's
   * own file.
   *
   * @throws IllegalArgumentException if it is not such a name
   */
  public Attachment jobId(String id) {
    return set("jobId", Checks.jobId(id));
  }

  /**
   * With this purpose, told in the result: 1 to 128 of {@code A-Z a-z 0-9 . _ -}.
   *
   * @throws IllegalArgumentException if it is not such a word
   */
  public Attachment intent(String word) {
    return set("intent", Checks.intent(word));
  }

  /**
   * Inside these limits, beneath those that it has already. A {@code cpu.weight} weighs among the
   * jobs that were attached out of the same cgroup; against others that cgroup's own weight does.
   */
  public Attachment limits(Limits asked) {
    return set("limits", asked);
  }

  /**
   * Whether to refuse, and leave everything as it was, when a limit can't be applied. Otherwise the
   * process is observed all the same, and the receipt tells.
   */
  public Attachment limitsRequired(boolean required) {
    return set("limitsRequired", required);
  }

  /**
   * Whether the process may be taken out of its unit, to live beneath the governor's own base.
   * <b>What is lost:</b> the unit's limits hold it no longer; systemd thinks that the service has
   * ended, and may start a second copy; stopping the unit does not stop the process; an emptied
   * scope is gone for good, and then {@link AttachedJob#release()} can't put it back.
   */
  public Attachment leaveUnit(boolean allowed) {
    return set("leaveUnit", allowed);
  }

  /** The process id. */
  public long pid() {
    return need("pid", WireValue::integer);
  }

  /** The id asked for. */
  public Optional<String> jobId() {
    return text("jobId");
  }

  /** The purpose. */
  public Optional<String> intent() {
    return text("intent");
  }

  /** The limits asked for. */
  public Limits limits() {
    return need("limits", Limits.class::cast);
  }

  /** Whether an unmet limit is a reason to refuse. */
  public boolean limitsRequired() {
    return need("limitsRequired", Boolean.class::cast);
  }

  /** Whether the process may be taken out of its unit. */
  public boolean leaveUnit() {
    return need("leaveUnit", Boolean.class::cast);
  }
}
