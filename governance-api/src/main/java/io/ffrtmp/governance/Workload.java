package io.ffrtmp.governance;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A command and what is asked for it. No shell is involved and nothing is split; strings reach the
 * workload as UTF-8 in every locale.
 *
 * <p>Defaults:
 *
 * <ul>
 *   <li>job id: generated
 *   <li>intent: none
 *   <li>limits: none, not required
 *   <li>standard input: {@code /dev/null}
 *   <li>standard output and error: discarded
 *   <li>directory: this JVM's
 *   <li>environment: this JVM's own, as the process got it
 * </ul>
 *
 * <p>The program is searched on this JVM's {@code PATH}; one with a slash is taken as it is,
 * relative to the workload's directory. The path found is also the workload's {@code argv[0]}.
 *
 * <p>Every setter returns a copy.
 */
public final class Workload extends WireValue {
  private static final Map<String, Object> DEFAULTS =
      Map.of(
          "limits", Limits.NONE,
          "limitsRequired", false,
          "stdout", Stdio.discard(),
          "stderr", Stdio.discard(),
          "environment", Map.of());

  private Workload(Map<String, Object> fields) {
    super(fields);
  }

  private Workload set(String key, Object value) {
    return new Workload(with(key, value));
  }

  /**
   * A program and its arguments.
   *
   * @throws IllegalArgumentException if the program is empty, or a text has a NUL or an unpaired
   *     surrogate
   */
  public static Workload of(String program, String... arguments) {
    List<String> command = new ArrayList<>(List.of(program));
    command.addAll(List.of(arguments));
    return of(command);
  }

  /**
   * A program and its arguments, as one list.
   *
   * @throws IllegalArgumentException if the list or the program is empty, or a text has a NUL or an
   *     unpaired surrogate
   */
  public static Workload of(List<String> command) {
    if (command.isEmpty() || command.get(0).isEmpty()) {
      throw new IllegalArgumentException("the command has no program");
    }
    List<String> copy = List.copyOf(command);
    copy.forEach(argument -> Checks.text("argument", argument));
    return new Workload(DEFAULTS).set("command", copy);
  }

  /**
   * With this id: 1 to 128 of {@code A-Z a-z 0-9 . _ -}, no leading dot, and no name of a cgroup's
   * own file.
   *
   * @throws IllegalArgumentException if it is not such a name
   */
  public Workload jobId(String id) {
    return set("jobId", Checks.jobId(id));
  }

  /**
   * With this purpose, told in the result: 1 to 128 of {@code A-Z a-z 0-9 . _ -}.
   *
   * @throws IllegalArgumentException if it is not such a word
   */
  public Workload intent(String word) {
    return set("intent", Checks.intent(word));
  }

  /** Inside these limits. */
  public Workload limits(Limits asked) {
    return set("limits", asked);
  }

  /** Whether the workload must not start when a limit can't be applied; a substitute won't do. */
  public Workload limitsRequired(boolean required) {
    return set("limitsRequired", required);
  }

  /**
   * Reading this file as its standard input. A relative path is relative to this JVM's directory.
   *
   * @throws IllegalArgumentException if the path is empty or no UTF-8 text
   */
  public Workload stdin(Path file) {
    return set("stdin", Checks.path("input file", file));
  }

  /**
   * With its standard output there.
   *
   * @throws IllegalArgumentException if it is {@link Stdio#sameAsStdout()}
   */
  public Workload stdout(Stdio output) {
    if (output.kind() == Stdio.Kind.SAME_AS_STDOUT) {
      throw new IllegalArgumentException("standard output can't be the same as itself");
    }
    return set("stdout", output);
  }

  /** With its standard error there. */
  public Workload stderr(Stdio output) {
    return set("stderr", output);
  }

  /**
   * Started in this directory.
   *
   * @throws IllegalArgumentException if the path is empty or no UTF-8 text
   */
  public Workload directory(Path path) {
    return set("directory", Checks.path("directory", path));
  }

  /**
   * With this variable added to the environment, or replaced in it.
   *
   * @throws IllegalArgumentException if the name is empty or has a {@code =}, or a text has a NUL
   *     or an unpaired surrogate
   */
  public Workload environment(String name, String value) {
    Checks.text("value of " + name, value);
    return variable(name, Optional.of(value));
  }

  /**
   * Without this variable in the environment.
   *
   * @throws IllegalArgumentException if the name is empty or has a {@code =}, a NUL or an unpaired
   *     surrogate
   */
  public Workload environmentWithout(String name) {
    return variable(name, Optional.empty());
  }

  private Workload variable(String name, Optional<String> value) {
    Checks.text("environment name", name);
    if (name.isEmpty() || name.indexOf('=') >= 0) {
      throw new IllegalArgumentException("'" + name + "' is no name of an environment variable");
    }
    Map<String, Optional<String>> more = new TreeMap<>(environment());
    more.put(name, value);
    return set("environment", Collections.unmodifiableMap(more));
  }

  /** The program, as given, and its arguments. */
  @SuppressWarnings("unchecked") // as put in by of()
  public List<String> command() {
    return need("command", value -> (List<String>) value);
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

  /** Whether an unmet limit is a failure to start. */
  public boolean limitsRequired() {
    return need("limitsRequired", Boolean.class::cast);
  }

  /** The file read as standard input; without one, {@code /dev/null}. */
  public Optional<Path> stdin() {
    return get("stdin", Path.class::cast);
  }

  /** Where standard output goes. */
  public Stdio stdout() {
    return need("stdout", Stdio.class::cast);
  }

  /** Where standard error goes. */
  public Stdio stderr() {
    return need("stderr", Stdio.class::cast);
  }

  /** The directory to start in; without one, this JVM's. */
  public Optional<Path> directory() {
    return get("directory", Path.class::cast);
  }

  /** The changes to the inherited environment: a value added or replaced, or empty for removed. */
  @SuppressWarnings("unchecked") // as put in by variable()
  public Map<String, Optional<String>> environment() {
    return need("environment", value -> (Map<String, Optional<String>>) value);
  }

  /** The program and the number of its arguments, which may hold secrets. */
  @Override
  public String toString() {
    return "Workload[" + command().get(0) + ", " + (command().size() - 1) + " arguments]";
  }
}
