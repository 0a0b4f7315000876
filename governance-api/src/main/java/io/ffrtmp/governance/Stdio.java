package io.ffrtmp.governance;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Where a workload's output goes. Never a pipe to this JVM: a writer to a pipe dies with its
 * reader. Relative paths are relative to this JVM's directory.
 */
public final class Stdio extends Value {
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

  private final Kind kind;
  private final @Nullable Path path;

  private Stdio(Kind kind, @Nullable Path path) {
    this.kind = kind;
    this.path = path;
  }

  /** Output is dropped; the default. */
  public static Stdio discard() {
    return new Stdio(Kind.DISCARD, null);
  }

  /**
   * Output goes where this JVM's goes. If that is a pipe, the workload may not outlive its reader.
   */
  public static Stdio inherit() {
    return new Stdio(Kind.INHERIT, null);
  }

  /**
   * Output replaces the content of a file.
   *
   * @throws IllegalArgumentException if the path is empty or no UTF-8 text
   */
  public static Stdio truncate(Path path) {
    Checks.path("output file", path);
    return new Stdio(Kind.TRUNCATE, path);
  }

  /**
   * Output is appended to a file.
   *
   * @throws IllegalArgumentException if the path is empty or no UTF-8 text
   */
  public static Stdio append(Path path) {
    Checks.path("output file", path);
    return new Stdio(Kind.APPEND, path);
  }

  /** Standard error goes where standard output goes. */
  public static Stdio sameAsStdout() {
    return new Stdio(Kind.SAME_AS_STDOUT, null);
  }

  /** The kind of output. */
  public Kind kind() {
    return kind;
  }

  /** The file, for {@link Kind#TRUNCATE} and {@link Kind#APPEND}. */
  public Optional<Path> path() {
    return Optional.ofNullable(path);
  }

  @Override
  Object content() {
    return Arrays.asList(kind, path);
  }
}
