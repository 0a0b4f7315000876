package io.ffrtmp.governance;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Why a workload never started: whose fault, at which step, and the kernel's errno if it gave one.
 */
public final class StartFailure extends WireValue {
  /** Whose fault it is. */
  public enum Fault {
    /** The command's: missing, not executable, a bad directory or log file. */
    WORKLOAD,
    /** The host's: no process, memory or descriptor to be had, a required limit not applied. */
    PLATFORM
  }

  /** The step that failed. */
  public enum Step {
    /** Making the job's group. */
    GROUP,
    /** Applying limits that were required. */
    LIMITS,
    /** Entering the working directory. */
    DIRECTORY,
    /** Opening a file for standard input, output or error. */
    STDIO,
    /** Finding and checking the program. */
    PROGRAM,
    /** Creating the process. */
    SPAWN,
    /** Placing the process into its group. */
    PLACE,
    /** Executing the program in the created process. */
    EXEC
  }

  private StartFailure(Map<String, Object> json) {
    super(json, List.of("fault", "step", "errno", "message"));
  }

  /**
   * A failure.
   *
   * @param errno the errno's name, such as {@code ENOENT}, if the kernel gave one
   * @param message what was wrong, with the value, and what to do
   */
  public static StartFailure of(Fault fault, Step step, Optional<String> errno, String message) {
    StartFailure failure =
        new StartFailure(Map.of("fault", name(fault), "step", name(step), "message", message));
    return errno.map(name -> new StartFailure(failure.with("errno", name))).orElse(failure);
  }

  static StartFailure fromJson(Object json) {
    StartFailure raw = new StartFailure(object(json));
    return of(raw.fault(), raw.step(), raw.errno(), raw.message());
  }

  /** Whose fault it is. */
  public Fault fault() {
    return constant("fault", Fault.class);
  }

  /** The step that failed. */
  public Step step() {
    return constant("step", Step.class);
  }

  /** The errno's name, such as {@code ENOENT}. */
  public Optional<String> errno() {
    return text("errno");
  }

  /** What was wrong, with the value, and what to do. */
  public String message() {
    return need("message", String.class::cast);
  }
}
