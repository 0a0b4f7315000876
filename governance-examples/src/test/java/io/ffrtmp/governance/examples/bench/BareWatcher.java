package io.ffrtmp.governance.examples.bench;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Platform;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The least that Java can do with one thread for all jobs: posix_spawn(3), a pidfd in an epoll(7)
 * set, waitpid(2) by the thread that waits there, and a future for the caller. No check, no copy,
 * no session, no result: what it takes over C is the hand-over from thread to thread. Its thread
 * ends with the JVM.
 */
final class BareWatcher {
  static {
    Native.register(BareWatcher.class, NativeLibrary.getProcess());
  }

  private static final int PIDFD_OPEN = 434;
  private static final int EPOLL_CTL_ADD = 1;
  private static final int EPOLLIN = 1;
  private static final int O_CLOEXEC = 0x80000;
  private static final int DATA =
      Platform.isARM() ? 8 : 4; // of struct epoll_event, packed on x86-64

  private final Map<Integer, CompletableFuture<Integer>> watched = new ConcurrentHashMap<>();
  private final int epoll = epoll_create1(O_CLOEXEC);
  private final Thread thread = new Thread(this::watch, "bare-watcher");

  BareWatcher() {
    thread.setDaemon(true);
    thread.start();
  }

  /** Starts {@code /bin/true} and waits until it was reaped. */
  void spawnAndWait() {
    int pid = CLibrary.spawn();
    CompletableFuture<Integer> ended = new CompletableFuture<>();
    watched.put(pid, ended);
    long pidfd = syscall(PIDFD_OPEN, pid, 0);
    byte[] event = new byte[DATA + 8];
    order(event).putInt(0, EPOLLIN).putInt(DATA, pid).putInt(DATA + 4, (int) pidfd);
    if (pidfd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, (int) pidfd, event) != 0) {
      throw new IllegalStateException("errno " + Native.getLastError());
    }
    if (ended.join() != 0) {
      throw new IllegalStateException("status " + ended.join());
    }
  }

  private void watch() {
    byte[] event = new byte[DATA + 8];
    int[] status = new int[1];
    while (epoll_wait(epoll, event, 1, -1) >= 0 || Native.getLastError() == 4) {
      int pid = order(event).getInt(DATA);
      CompletableFuture<Integer> ended = watched.remove(pid);
      if (ended != null) {
        CLibrary.waitpid(pid, status, 0);
        close(order(event).getInt(DATA + 4)); // leaves the set with it
        ended.complete(status[0]);
      }
    }
  }

  private static ByteBuffer order(byte[] event) {
    return ByteBuffer.wrap(event).order(ByteOrder.nativeOrder());
  }

  private static native int epoll_create1(int flags);

  private static native int epoll_ctl(int epoll, int operation, int fd, byte[] event);

  private static native int epoll_wait(int epoll, byte[] events, int most, int milliseconds);

  private static native long syscall(long number, long pid, long flags);

  private static native int close(int fd);
}
