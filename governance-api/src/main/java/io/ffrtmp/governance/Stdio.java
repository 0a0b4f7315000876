package io.ffrtmp.governance;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Where a workload's output goes. Never a pipe to this JVM: a writer to a pipe dies with its
 * reader. Relative paths are relative to this JVM's directory.
 */
public final class Stdio extends WireValue {
  /** The kinds of output. */
  public enum Kind {
    /** To {@code /dev/null}. */
    DISCARD,
    /** To the descriptor of this JVM with the same number. */
    INHERIT,
    /** To a file, emptied first, created with mode 0666 less the umask. */
    TRUNCATE,
    /** To the end of a file, created with mode 0666 less the umask. */
    APPEND,
    /** Standard error only: to wherever standard output goes. */
    SAME_AS_STDOUT
  }

  private Stdio(Map<String, Object> fields) {
    super(fields, List.of("kind", "path"));
  }

  /** Output is dropped; the default. */
  public static Stdio discard() {
    return new Stdio(Map.of("kind", Kind.DISCARD));
  }

  /**
   * Output goes where this JVM's goes. If that is a pipe, the workload may not outlive its reader.
   */
  public static Stdio inherit() {
    return new Stdio(Map.of("kind", Kind.INHERIT));
  }

  /**
   * Output replaces the content of a file.
   *
   * @throws IllegalArgumentException if the path is empty or no UTF-8 text
   */
  public static Stdio truncate(Path path) {
    return file(Kind.TRUNCATE, path);
  }

  /**
   * Output is appended to a file.
   *
   * @throws IllegalArgumentException if the path is empty or no UTF-8 text
   */
  public static Stdio append(Path path) {
    return file(Kind.APPEND, path);
  }

  private static Stdio file(Kind kind, Path path) {
    return new Stdio(Map.of("kind", kind, "path", Checks.path("output file", path)));
  }

  /** Standard error goes where standard output goes. */
  public static Stdio sameAsStdout() {
    return new Stdio(Map.of("kind", Kind.SAME_AS_STDOUT));
  }

  /** The kind of output. */
  public Kind kind() {
    return need("kind", Kind.class::cast);
  }

  /** The file, for {@link Kind#TRUNCATE} and {@link Kind#APPEND}. */
  public Optional<Path> path() {
    return get("path", Path.class::cast);
  }
}
