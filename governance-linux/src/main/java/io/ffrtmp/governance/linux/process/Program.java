package io.ffrtmp.governance.linux.process;

import io.ffrtmp.governance.StartFailure.Step;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Finding a program and telling beforehand what execve(2) would say of it, by the same code on
 * every spawn path: a shell tells no errno, and would run a file of no known format as a script.
 */
final class Program {
  private static final int HEAD = 4096;
  private static final int SCRIPT_DEPTH = 5; // fs/exec.c: ELOOP beyond
  private static final int SCRIPT_LINE = 256; // BINPRM_BUF_SIZE

  /** Only these delimit, and a name that none ends may be cut off (fs/binfmt_script.c). */
  private static final Pattern SCRIPT = Pattern.compile("#![ \t]*([^ \t\n\0]+)[ \t\n\0]");

  private static final int LARGEST_STRING = 128 * 1024 - 1; // MAX_ARG_STRLEN, NUL included

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

  /** Refuses a string that execve(2) would refuse, before a gate is bothered with it. */
  static void checkLength(int longest) throws SpawnException {
    if (longest > LARGEST_STRING) {
      throw failed(
          Errno.E2BIG, "an argument or variable of " + longest + " bytes is longer than 131071");
    }
  }

  /** Throws what execve(2) would say of an absolute path; silent where only execve can tell. */
  static void check(String path, String directory) throws SpawnException {
    check(path, directory, path, 0);
  }

  private static void check(String path, String directory, String program, int depth)
      throws SpawnException {
    String what = depth == 0 ? "program " + path : "interpreter " + path + " of " + program;
    if (depth > SCRIPT_DEPTH) {
      throw failed(Errno.ELOOP, what + ": " + reason(Errno.ELOOP));
    }
    checkFile(path, what);
    Optional<byte[]> readable = head(path);
    if (readable.isEmpty()) {
      return; // executable but not readable: only execve can tell more
    }
    byte[] head = readable.get();
    String interpreter = interpreter(head);
    if (interpreter.isEmpty()) {
      if (!(isElf(head) && loadable(head)) && !BinfmtMisc.knows(path, head)) {
        throw failed(Errno.ENOEXEC, what + ": " + reason(Errno.ENOEXEC));
      }
    } else {
      check(absolute(interpreter, directory), directory, path, depth + 1);
    }
  }

  private static void checkFile(String path, String what) throws SpawnException {
    int errno = Libc.access(path, Libc.X_OK);
    errno = errno == 0 ? kindError(path) : errno;
    if (errno != 0) {
      throw failed(errno, what + ": " + reason(errno));
    }
  }

  private static Optional<byte[]> head(String path) {
    try {
      int fd = Libc.open(path, Libc.O_RDONLY);
      try {
        byte[] buffer = new byte[HEAD];
        int length = Libc.read(fd, buffer);
        return Optional.of(Arrays.copyOf(buffer, length));
      } finally {
        Libc.close(fd);
      }
    } catch (ErrnoException notReadable) {
      return Optional.empty();
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

  /** The interpreter that a {@code #!} line or an ELF header names; empty if none. */
  static String interpreter(byte[] head) {
    if (isElf(head)) {
      return loadable(head) ? elfInterpreter(head) : "";
    }
    byte[] line = Arrays.copyOf(head, SCRIPT_LINE); // with NULs after a shorter file, as there
    Matcher script = SCRIPT.matcher(new String(line, StandardCharsets.UTF_8));
    return script.lookingAt() ? script.group(1) : "";
  }

  private static boolean isElf(byte[] head) {
    return head.length >= 64 && ByteBuffer.wrap(head).getInt(0) == 0x7f454c46;
  }

  private static ByteBuffer elf(byte[] head) {
    return ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Whether class, byte order, type and machine are ours, 32-bit relatives included (elf(5)). */
  private static boolean loadable(byte[] head) {
    int type = elf(head).getShort(16);
    int machine = elf(head).getShort(18);
    boolean ours = Libc.ARM ? machine == 183 || machine == 40 : machine == 62 || machine == 3;
    boolean wide = machine == 183 || machine == 62;
    return head[5] == 1
        && ours
        && (type == 2 || type == 3)
        && (head[4] == 2
            ? hasHeaders(head, elf(head).getLong(32), 54, 56)
            : !wide && hasHeaders(head, elf(head).getInt(28), 42, 32));
  }

  /**
   * Program headers of the right size, within the file, and no more than the kernel reads
   * (load_elf_phdrs).
   */
  private static boolean hasHeaders(byte[] head, long table, int at, int size) {
    int count = elf(head).getShort(at + 2) & 0xffff;
    boolean there = head.length == HEAD || table + count * size <= head.length;
    return elf(head).getShort(at) == size && count > 0 && count * size <= 65_536 && there;
  }

  /** The path in the PT_INTERP segment of a 64-bit file, where it lies in the head. */
  private static String elfInterpreter(byte[] head) {
    long table = elf(head).getLong(32);
    int size = elf(head).getShort(54);
    int count = elf(head).getShort(56);
    for (int i = 0; head[4] == 2 && i < count; i++) {
      long entry = table + (long) i * size;
      if (entry < 0 || entry > head.length - 40) {
        return "";
      }
      long offset = elf(head).getLong((int) entry + 8);
      long length = elf(head).getLong((int) entry + 32);
      if (elf(head).getInt((int) entry) == 3
          && length > 1
          && length <= head.length
          && offset > 0
          && offset <= head.length - length) {
        return new String(head, (int) offset, (int) length - 1, StandardCharsets.UTF_8);
      }
    }
    return "";
  }
}
