package io.ffrtmp.governance.linux.process;

import io.ffrtmp.governance.StartFailure.Step;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.libc.Spawn;
import io.ffrtmp.governance.linux.libc.Strings;
import io.ffrtmp.governance.linux.process.Image.Format;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Supplier;

/**
 * Finding a program and telling beforehand what execve(2) would say of it, by the same code on
 * every spawn path: a shell tells no errno, and would run a file of no known format as a script.
 */
final class Program {
  private static final int SCRIPT_DEPTH = 5; // fs/exec.c: ELOOP beyond
  private static final long PAGES = 32; // MAX_ARG_STRLEN, of one string with its NUL
  private static final long ARG_MAX = 128 * 1024; // of all: never less (linux/limits.h)

  private Program() {}

  /**
   * The path of a command's program: one with a slash as it is, against the directory; another on
   * the search path, whose empty or relative elements are against the directory too.
   *
   * @throws SpawnException ENOENT or EACCES if there is no executable file; {@link #check} tells
   *     whether the kernel knows its format
   */
  static String find(String command, String directory, Supplier<String> searched)
      throws SpawnException {
    if (command.indexOf('/') >= 0) {
      String path = absolute(command, directory);
      checkFile(path, "program " + path);
      return path;
    }
    int errno = Errno.ENOENT;
    String searchPath = searched.get();
    for (String element : searchPath.split(":", -1)) {
      String candidate = absolute(element.isEmpty() ? command : element + "/" + command, directory);
      int error = Libc.access(candidate, Libc.X_OK);
      if (error == 0 && kindError(candidate) == 0) {
        return candidate;
      }
      errno = Libc.access(candidate, Libc.F_OK) == 0 ? Errno.EACCES : errno; // it is there
    }
    String found = errno == Errno.ENOENT ? "not found" : "not executable where it was found";
    throw failed(errno, "program '" + command + "' " + found + " on PATH " + searchPath);
  }

  static String absolute(String path, String directory) {
    return path.startsWith("/") ? path : directory + "/" + path;
  }

  /** Refuses what execve(2) would refuse for its length (fs/exec.c, bprm_stack_limits). */
  static void checkLength(String path, Strings arguments, Strings environment)
      throws SpawnException {
    long longest = Math.max(arguments.longest(), environment.longest()) + 1;
    long total = Libc.utf8(path).length + arguments.total() + environment.total();
    if (total <= ARG_MAX) {
      return;
    }
    long each = PAGES * Libc.sysconf(Libc.SC_PAGESIZE);
    long most = Libc.sysconf(Libc.SC_ARG_MAX);
    if (longest > each || total > most) {
      String one = "an argument or variable of " + longest + " bytes is longer than " + each;
      String all = "arguments and environment of " + total + " bytes are longer than " + most;
      String cure = ", the most that can be passed; use a file";
      throw failed(Errno.E2BIG, (longest > each ? one : all) + cure);
    }
  }

  /** Throws what execve(2) would say of an absolute path; silent where only execve can tell. */
  static void check(String path, String directory) throws SpawnException {
    check(path, directory, path, 0);
  }

  /**
   * What execve(2) itself says of a program, by an attempt that can't run it: an argument is too
   * long for any. Before Linux 6.8 the arguments are looked at first, and this is silent.
   */
  static void attempt(String path) throws SpawnException {
    byte[] tooLong = new byte[(int) (PAGES * Libc.sysconf(Libc.SC_PAGESIZE))];
    Arrays.fill(tooLong, (byte) 'x');
    Strings none = Strings.of(List.of());
    try {
      Strings arguments = Strings.of(List.of(tooLong));
      Spawn.spawn(path, arguments, none, Optional.empty(), new int[0], OptionalInt.empty());
    } catch (ErrnoException e) {
      if (e.errno() != Errno.E2BIG && SpawnException.WORKLOADS_FAULT.contains(e.errno())) {
        throw SpawnException.of(Step.EXEC, e);
      }
    }
  }

  private static void check(String path, String directory, String program, int depth)
      throws SpawnException {
    String what = depth == 0 ? "program " + path : "interpreter " + path + " of " + program;
    if (depth > SCRIPT_DEPTH) {
      throw failed(Errno.ELOOP, what + ": " + reason(Errno.ELOOP));
    }
    checkFile(path, what);
    Optional<Image> readable = Image.of(path);
    if (readable.isEmpty()) {
      return; // executable but not readable: only execve can tell more
    }
    Image image = readable.get();
    Optional<String> interpreter = image.interpreter().map(name -> absolute(name, directory));
    try {
      boolean elf = image.format() != Format.OTHER;
      if (elf && interpreter.isPresent()) {
        checkLoader(interpreter.get(), path, image.format());
      } else if (interpreter.isPresent()) {
        check(interpreter.get(), directory, path, depth + 1);
      } else if (!elf) {
        throw failed(Errno.ENOEXEC, what + ": " + reason(Errno.ENOEXEC));
      }
    } catch (SpawnException e) {
      if (!BinfmtMisc.knows(path, image.head())) { // which the kernel asks first
        throw e;
      }
    }
  }

  /** The kernel takes an ELF file's interpreter as it is, whatever interpreter that names. */
  private static void checkLoader(String path, String program, Format format)
      throws SpawnException {
    String what = "interpreter " + path + " of " + program;
    checkFile(path, what);
    if (Image.of(path).filter(it -> it.format() != format).isPresent()) {
      throw failed(Errno.ELIBBAD, what + ": no ELF file like that");
    }
  }

  private static void checkFile(String path, String what) throws SpawnException {
    int errno = Libc.access(path, Libc.X_OK);
    errno = errno == 0 ? kindError(path) : errno;
    if (errno != 0) {
      throw failed(errno, what + ": " + reason(errno));
    }
  }

  private static int kindError(String path) {
    try {
      return Libc.stat(path).type() == Libc.S_IFREG ? 0 : Errno.EACCES;
    } catch (ErrnoException e) {
      return e.errno();
    }
  }

  private static String reason(int errno) {
    return switch (errno) {
      case Errno.ENOENT -> "no such file";
      case Errno.EACCES -> "not an executable file, or a directory on its path is closed to us";
      case Errno.ENOEXEC ->
          "no executable format of this machine, nor a #! line that names a program";
      default -> Errno.name(errno);
    };
  }

  private static SpawnException failed(int errno, String message) {
    return SpawnException.of(Step.PROGRAM, errno, Errno.name(errno) + ", " + message);
  }
}
