package io.ffrtmp.governance.linux.libc;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * Calls of the C library. Every failure is an {@link ErrnoException}; EINTR is repeated. A call and
 * the reading of its errno have no yield between them, so virtual threads may call too.
 *
 * <p>Thread-safe. Numbers are those that x86-64 and aarch64 share.
 */
public final class Libc {
  /** Whether this is aarch64; else it is x86-64. */
  public static final boolean ARM = "aarch64".equals(System.getProperty("os.arch"));

  public static final int O_RDONLY = 0;
  public static final int O_WRONLY = 1;
  public static final int O_RDWR = 2;
  public static final int O_CREAT = 0x40;
  public static final int O_NOCTTY = 0x100;
  public static final int O_APPEND = 0x400;
  public static final int O_NONBLOCK = 0x800;
  public static final int O_CLOEXEC = 0x80000;
  public static final int O_DIRECTORY = ARM ? 0x4000 : 0x10000; // asm/fcntl.h
  public static final int R_OK = 4;
  public static final int W_OK = 2;
  public static final int X_OK = 1;
  public static final int F_OK = 0;
  public static final int LOCK_EX = 2;
  public static final int LOCK_NB = 4;
  public static final int PRIO_PROCESS = 0;
  public static final int S_IFMT = 0xf000; // linux/stat.h
  public static final int S_IFIFO = 0x1000;
  public static final int S_IFREG = 0x8000;
  public static final int S_IFSOCK = 0xc000;
  public static final int SC_ARG_MAX = 0; // bits/confname.h; by the RLIMIT_STACK of the moment
  public static final int SC_PAGESIZE = 30;
  public static final long CGROUP_SUPER_MAGIC = 0x27e0eb; // linux/magic.h
  public static final long CGROUP2_SUPER_MAGIC = 0x63677270;

  /** The most bytes that an extended attribute can hold (linux/limits.h). */
  public static final int XATTR_SIZE_MAX = 65_536;

  private static final int MFD_CLOEXEC = 1;
  private static final int AT_FDCWD = -100;
  private static final int AT_EMPTY_PATH = 0x1000;
  private static final int STATX_BASIC_STATS = 0x7ff;
  private static final int F_DUPFD_CLOEXEC = 1030;
  private static final int FIRST_HIGH_DESCRIPTOR = 10;

  /** What to do where {@link #unusable} tells a reason. */
  public static final String CURE =
      "glibc 2.34 or later is needed; allow native access (--enable-native-access=ALL-UNNAMED, or"
          + " com.sun.jna on the module path), and where the temporary directory is noexec or can't"
          + " be written point -Djna.tmpdir= to another";

  /** The first cause, as a second try tells only that there was one. */
  private static Optional<String> cause = Optional.empty();

  private Libc() {}

  /** Why this JVM can't call what is needed, or empty: native access, the platform, an old libc. */
  public static synchronized Optional<String> unusable() {
    try {
      Raw.getpid(); // links every function, posix_spawn_file_actions_addclosefrom_np (glibc 2.34)
      // too
      return Optional.empty();
    } catch (LinkageError | RuntimeException e) {
      Throwable root = e.getCause() == null ? e : e.getCause();
      cause =
          cause.or(() -> Optional.of(root.getClass().getSimpleName() + ", " + root.getMessage()));
      return cause;
    }
  }

  /** The version of glibc; another C library is {@linkplain #unusable unusable}. */
  public static String glibcVersion() {
    return Raw.gnu_get_libc_version().getString(0);
  }

  /** NUL-terminated UTF-8, as the kernel takes it. */
  public static byte[] utf8(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return Arrays.copyOf(bytes, bytes.length + 1);
  }

  static String strerror(int errno) {
    return Raw.strerror(errno).getString(0);
  }

  static int check(int result, String tried) throws ErrnoException {
    return check(result, tried, "");
  }

  static int check(int result, String tried, Object with) throws ErrnoException {
    if (result < 0) {
      throw new ErrnoException(Native.getLastError(), tried + with);
    }
    return result;
  }

  /** What a call returns, made again whenever a signal interrupts it. */
  static long retry(LongSupplier call, String tried, Object with) throws ErrnoException {
    long result;
    int errno;
    do {
      result = call.getAsLong();
      errno = result < 0 ? Native.getLastError() : 0;
    } while (errno == Errno.EINTR);
    if (errno != 0) {
      throw new ErrnoException(errno, tried + with);
    }
    return result;
  }

  /** open(2), always with O_CLOEXEC; a file created gets mode 0666 less the umask. */
  public static int open(String path, int flags) throws ErrnoException {
    byte[] name = utf8(path);
    return (int) retry(() -> Raw.open(name, flags | O_CLOEXEC, 0666), "open ", path);
  }

  /** The same descriptor, or a duplicate of it at 10 or above, clear of what a child is given. */
  public static int aboveStdio(int fd) throws ErrnoException {
    if (fd >= FIRST_HIGH_DESCRIPTOR) {
      return fd;
    }
    int high = Raw.fcntl(fd, F_DUPFD_CLOEXEC, FIRST_HIGH_DESCRIPTOR);
    int errno = Native.getLastError();
    Raw.close(fd);
    if (high < 0) {
      throw new ErrnoException(errno, "fcntl F_DUPFD_CLOEXEC");
    }
    return high;
  }

  /** A pipe's read and write end, both close-on-exec and at 10 or above. */
  public static int[] pipe() throws ErrnoException {
    int[] ends = new int[2];
    check(Raw.pipe2(ends, O_CLOEXEC), "pipe2");
    try {
      ends[0] = aboveStdio(ends[0]);
    } catch (ErrnoException e) {
      Raw.close(ends[1]);
      throw e;
    }
    try {
      ends[1] = aboveStdio(ends[1]);
    } catch (ErrnoException e) {
      Raw.close(ends[0]);
      throw e;
    }
    return ends;
  }

  /** A file in memory, for a child to write to (memfd_create(2)). */
  public static int memoryFile(String name) throws ErrnoException {
    return check(Raw.memfd_create(utf8(name), MFD_CLOEXEC), "memfd_create");
  }

  /** close(2), for descriptors whose close can't tell anything of interest. */
  public static void close(int fd) {
    Raw.close(fd);
  }

  /** One read(2). */
  public static int read(int fd, byte[] buffer) throws ErrnoException {
    return (int) retry(() -> Raw.read(fd, buffer, buffer.length), "read of descriptor ", fd);
  }

  /** These bytes of a file; fewer where it ends before (pread(2)). */
  public static byte[] pread(int fd, int length, long offset) throws ErrnoException {
    byte[] buffer = new byte[length];
    int count =
        (int) retry(() -> Raw.pread(fd, buffer, length, offset), "pread of descriptor ", fd);
    return count == length ? buffer : Arrays.copyOf(buffer, count);
  }

  /** Everything up to the end of the file or pipe; the kernel's files tell no size beforehand. */
  public static byte[] readAll(int fd) throws ErrnoException {
    byte[] buffer = new byte[512]; // JNA copies all of it, both ways, and most files are short
    int length = 0;
    for (int count = read(fd, buffer); count > 0; ) {
      length += count;
      if (length == buffer.length) {
        buffer = Arrays.copyOf(buffer, 4 * length);
      }
      byte[] rest = new byte[buffer.length - length];
      count = read(fd, rest);
      System.arraycopy(rest, 0, buffer, length, count);
    }
    return Arrays.copyOf(buffer, length);
  }

  /** The whole text of one of the kernel's files, which are ASCII where they matter. */
  public static String readText(String path) throws ErrnoException {
    int fd = open(path, O_RDONLY);
    try {
      return new String(readAll(fd), StandardCharsets.UTF_8);
    } finally {
      Raw.close(fd);
    }
  }

  /** All of the bytes by write(2); a short write goes on. */
  public static void write(int fd, byte[] bytes) throws ErrnoException {
    int count = (int) retry(() -> Raw.write(fd, bytes, bytes.length), "write to descriptor ", fd);
    if (count < bytes.length) {
      write(fd, Arrays.copyOfRange(bytes, count, bytes.length));
    }
  }

  /** What O_TRUNC does: a regular file becomes empty, others have no length (ftruncate(2)). */
  public static void truncate(int fd) throws ErrnoException {
    if (stat(fd).type() == S_IFREG) {
      check(Raw.ftruncate(fd, 0), "ftruncate");
    }
  }

  /** Writes one of the kernel's files with one write(2); what close(2) tells counts too. */
  public static void writeFile(String path, String text) throws ErrnoException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    String tried = "write '" + text + "' to ";
    int fd = open(path, O_WRONLY);
    try {
      if (retry(() -> Raw.write(fd, bytes, bytes.length), tried, path) < bytes.length) {
        throw new ErrnoException(Errno.EINVAL, tried + path);
      }
    } catch (ErrnoException e) {
      Raw.close(fd);
      throw e;
    }
    check(Raw.close(fd), tried, path);
  }

  /** mkdirat(2), mode 0700. */
  public static void mkdirat(int directory, String name) throws ErrnoException {
    check(Raw.mkdirat(directory, utf8(name), 0700), "mkdir ", name);
  }

  /** mkdir(2), mode 0700. */
  public static void mkdir(String path) throws ErrnoException {
    check(Raw.mkdir(utf8(path), 0700), "mkdir ", path);
  }

  /** rmdir(2). */
  public static void rmdir(String path) throws ErrnoException {
    check(Raw.rmdir(utf8(path)), "rmdir ", path);
  }

  /** flock(2). */
  public static void flock(int fd, int operation) throws ErrnoException {
    retry(() -> Raw.flock(fd, operation), "flock of descriptor ", fd);
  }

  /** Whether access(2) grants the mode; the errno if not, 0 if so. */
  public static int access(String path, int mode) {
    return Raw.access(utf8(path), mode) == 0 ? 0 : Native.getLastError();
  }

  /**
   * What statx(2) tells of a file.
   *
   * @param type one of the S_IF constants
   * @param user who owns it
   */
  public record Stat(int type, int links, int user, long inode) {}

  /** Of a path; links are followed. */
  public static Stat stat(String path) throws ErrnoException {
    return stat(AT_FDCWD, path, 0);
  }

  /** Of what a descriptor stands for. */
  public static Stat stat(int fd) throws ErrnoException {
    return stat(fd, "", AT_EMPTY_PATH);
  }

  private static Stat stat(int directory, String path, int flags) throws ErrnoException {
    byte[] statx = new byte[256];
    int result = Raw.statx(directory, utf8(path), flags, STATX_BASIC_STATS, statx);
    check(result, path.isEmpty() ? "statx of descriptor " + directory : "statx ", path);
    ByteBuffer stat = buffer(statx);
    int type = stat.getShort(28) & S_IFMT;
    return new Stat(type, stat.getInt(16), stat.getInt(20), stat.getLong(32));
  }

  /** The magic number of the file system under a path (statfs(2)). */
  public static long fileSystem(String path) throws ErrnoException {
    byte[] statfs = new byte[256];
    check(Raw.statfs(utf8(path), statfs), "statfs ", path);
    return buffer(statfs).getLong(0);
  }

  /** An extended attribute of a file or directory; empty if there is none (getxattr(2)). */
  public static Optional<byte[]> getxattr(String path, String name) throws ErrnoException {
    byte[] value = new byte[1024]; // most marks are shorter
    long length = Raw.getxattr(utf8(path), utf8(name), value, value.length);
    if (length < 0 && Native.getLastError() == Errno.ERANGE) {
      value = new byte[XATTR_SIZE_MAX];
      length = Raw.getxattr(utf8(path), utf8(name), value, value.length);
    }
    if (length < 0 && Native.getLastError() == Errno.ENODATA) {
      return Optional.empty();
    }
    check((int) length, "getxattr " + name + " of ", path);
    return Optional.of(Arrays.copyOf(value, (int) length));
  }

  /** Sets an extended attribute (setxattr(2)). */
  public static void setxattr(String path, String name, byte[] value) throws ErrnoException {
    int result = Raw.setxattr(utf8(path), utf8(name), value, value.length, 0);
    check(result, "setxattr " + name + " of ", path);
  }

  /** The niceness of a process's main thread, -20 to 19. */
  public static int getpriority(int pid) throws ErrnoException {
    int raw = (int) Raw.syscall(ARM ? 141 : 140, PRIO_PROCESS, pid, 0, 0); // tells 20 - niceness
    return 20 - check(raw, "getpriority of ", pid);
  }

  /** Sets the niceness of a process's main thread. */
  public static void setpriority(int pid, int niceness) throws ErrnoException {
    check(
        Raw.setpriority(PRIO_PROCESS, pid, niceness), "setpriority of " + pid + " to " + niceness);
  }

  /** The effective user id. */
  public static int geteuid() {
    return Raw.geteuid();
  }

  /** A limit of this system (sysconf(3)), one of the SC constants. */
  public static long sysconf(int name) {
    return Raw.sysconf(name);
  }

  /** The environment of this process as the C library holds it: {@code NAME=VALUE} in bytes. */
  public static List<byte[]> environment() {
    Pointer array = NativeLibrary.getProcess().getGlobalVariableAddress("environ").getPointer(0);
    List<byte[]> entries = new ArrayList<>();
    if (array != null) {
      for (Pointer entry : array.getPointerArray(0)) {
        entries.add(entry.getByteArray(0, (int) entry.indexOf(0, (byte) 0)));
      }
    }
    return entries;
  }

  static ByteBuffer buffer(byte[] struct) {
    return ByteBuffer.wrap(struct).order(ByteOrder.nativeOrder());
  }
}
