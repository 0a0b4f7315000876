package io.ffrtmp.governance.linux.libc;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import org.jspecify.annotations.Nullable;

/**
 * The direct-mapped functions, by the names and types of their manual pages. Variadic ones are
 * declared with the arguments that are used: x86-64 and aarch64 Linux pass those alike.
 */
final class Raw {
  private static final String SEARCH = "jna.platform.library.path";

  static {
    // JNA's initialiser would run ldconfig through Runtime.exec, which resets SIGCHLD and costs 70
    // ms.
    boolean absent = System.getProperty(SEARCH) == null;
    if (absent) {
      System.setProperty(SEARCH, "/lib");
    }
    try {
      Native.register(Raw.class, NativeLibrary.getProcess());
    } finally {
      if (absent) {
        System.clearProperty(SEARCH);
      }
    }
  }

  private Raw() {}

  static native int open(byte[] path, int flags, int mode);

  static native int close(int fd);

  static native long read(int fd, byte[] buffer, long count);

  static native long pread(int fd, byte[] buffer, long count, long offset);

  static native long write(int fd, byte[] buffer, long count);

  static native int ftruncate(int fd, long length);

  static native int pipe2(int[] ends, int flags);

  static native int memfd_create(byte[] name, int flags);

  static native int fcntl(int fd, int command, int argument);

  static native int mkdir(byte[] path, int mode);

  static native int mkdirat(int directory, byte[] path, int mode);

  static native int rmdir(byte[] path);

  static native int flock(int fd, int operation);

  static native int access(byte[] path, int mode);

  static native int statx(int directory, byte[] path, int flags, int mask, byte[] statx);

  static native int statfs(byte[] path, byte[] statfs);

  static native long getxattr(byte[] path, byte[] name, byte[] value, long size);

  static native int setxattr(byte[] path, byte[] name, byte[] value, long size, int flags);

  static native int setpriority(int which, int who, int niceness);

  static native int getpid();

  static native int geteuid();

  static native long sysconf(int name);

  static native Pointer strerror(int errno);

  static native @Nullable Pointer strerrorname_np(int errno);

  static native Pointer gnu_get_libc_version();

  static native long syscall(long number, long a, long b, long c, long d);

  static native int ioctl(int fd, long request, byte[] argument);

  static native int waitid(int idType, int id, byte[] siginfo, int options);

  static native int poll(byte[] pollfds, long count, int timeoutMillis);

  static native int epoll_create1(int flags);

  static native int epoll_ctl(int epoll, int operation, int fd, byte @Nullable [] event);

  static native int epoll_wait(int epoll, byte[] events, int capacity, int timeoutMillis);

  static native int eventfd(int initial, int flags);

  static native int posix_spawnattr_init(Pointer attributes);

  static native int posix_spawnattr_setflags(Pointer attributes, short flags);

  static native int posix_spawnattr_setsigdefault(Pointer attributes, Pointer signals);

  static native int posix_spawnattr_setsigmask(Pointer attributes, Pointer signals);

  static native int posix_spawn_file_actions_init(Pointer actions);

  static native int posix_spawn_file_actions_destroy(Pointer actions);

  static native int posix_spawn_file_actions_adddup2(Pointer actions, int fd, int target);

  static native int posix_spawn_file_actions_addclosefrom_np(Pointer actions, int first);

  static native int posix_spawn_file_actions_addchdir_np(Pointer actions, byte[] path);

  static native int posix_spawn(
      int[] pid,
      byte[] path,
      Pointer actions,
      Pointer attributes,
      Pointer arguments,
      Pointer environment);
}
