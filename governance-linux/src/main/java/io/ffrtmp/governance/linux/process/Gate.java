package io.ffrtmp.governance.linux.process;

import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.libc.Strings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * A process that waits to become the workload: {@code /bin/sh} with a fixed text, which executes
 * the program in its own pid once it is told to. If we die first, it reads the end of the pipe and
 * exits 125; the workload never started. Its two descriptors are closed at the exec.
 */
final class Gate implements AutoCloseable {
  static final String WORD = "gate_word";

  static final String SHELL = "/bin/sh";
  static final String ENV = "/usr/bin/env";

  /**
   * Waits on 3, reports a failed exec on 4, for dash, bash and busybox alike. {@code $1} is the
   * whole PWD variable that the program must see, or empty. An EXIT trap reports, because a failed
   * exec ends dash; bash needs {@code execfail}; the braces keep 4 out of the program.
   */
  static final String TEXT =
      String.join(
          "\n",
          "read -r gate_word <&3 && [ \"$gate_word\" = go ] || exit 125",
          "exec 3<&-",
          "unset gate_word PWD",
          "[ -z \"$1\" ] || export PWD=\"${1#PWD=}\"",
          "shift",
          "[ -z \"$BASH_VERSION\" ] || shopt -s execfail",
          "trap 'echo \"$?\" >&4' EXIT",
          "{ exec \"$@\"; } 4>&-",
          "exit");

  private final Set<Integer> open = new HashSet<>();
  private final int[] go = pipe();
  private final int[] report;

  Gate() throws ErrnoException {
    try {
      report = pipe();
    } catch (ErrnoException e) {
      close(go);
      throw e;
    }
  }

  private int[] pipe() throws ErrnoException {
    int[] ends = Libc.pipe();
    open.addAll(List.of(ends[0], ends[1]));
    return ends;
  }

  /** What is really spawned: the path, the arguments and the environment. */
  record Command(String path, Strings arguments, Strings environment) {}

  /**
   * The command that becomes the program with exactly these arguments and this environment.
   *
   * @param plain whether the shell {@linkplain #handsOn hands the environment on}
   */
  static Command command(
      String shell,
      boolean plain,
      String program,
      List<byte[]> arguments,
      Environment environment) {
    List<byte[]> all = new ArrayList<>();
    add(all, shell, "-c", TEXT, shell);
    all.add(plain ? environment.entry("PWD") : new byte[0]);
    if (!plain) {
      add(all, ENV, "-i", "--");
      all.addAll(environment.entries());
    }
    add(all, program);
    all.addAll(arguments.subList(1, arguments.size()));
    return new Command(
        shell, Strings.of(all), plain ? environment.strings() : Strings.of(List.of()));
  }

  private static void add(List<byte[]> all, String... texts) {
    for (String text : texts) {
      all.add(text.getBytes(StandardCharsets.UTF_8));
    }
  }

  /**
   * Whether the shell hands this environment on unaltered; else env(1) does, which takes a path
   * with = for more of it.
   */
  static boolean handsOn(Environment environment) {
    return isDash() && environment.survivesDash();
  }

  /**
   * Whether {@code /bin/sh} is dash, which starts fastest and leaves most of an environment alone.
   */
  static boolean isDash() {
    try {
      return Files.readSymbolicLink(Path.of(SHELL)).endsWith("dash");
    } catch (IOException | UnsupportedOperationException otherShell) {
      return false;
    }
  }

  /** The descriptors for the child's 3 and 4. */
  int[] childsEnds() {
    return new int[] {go[0], report[1]};
  }

  /** Closes the child's ends here, so that the pipes end with the child. */
  void spawned() {
    close(go[0]);
    close(report[1]);
  }

  /**
   * Lets the process become the workload. Empty once it is, or where it was killed at the gate, as
   * by a memory limit of a few pages; else what the shell exited with.
   */
  String open() throws ErrnoException {
    try {
      Libc.write(go[1], "go\n".getBytes(StandardCharsets.US_ASCII));
    } catch (ErrnoException e) {
      if (e.errno() == Errno.EPIPE) {
        return "";
      }
      throw e;
    }
    return new String(Libc.readAll(report[0]), StandardCharsets.US_ASCII).strip();
  }

  /** Ends a process that was not let go: it reads the end of the pipe and exits. */
  void shut() {
    close(go);
  }

  @Override
  public void close() {
    close(go);
    close(report);
  }

  private void close(int[] pipe) {
    close(pipe[0]);
    close(pipe[1]);
  }

  private void close(int end) {
    if (open.remove(end)) {
      Libc.close(end);
    }
  }
}
