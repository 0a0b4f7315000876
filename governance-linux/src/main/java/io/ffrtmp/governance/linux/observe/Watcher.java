package io.ffrtmp.governance.linux.observe;

import io.ffrtmp.governance.linux.libc.Epoll;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.time.Duration;
import java.util.LinkedList;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Waits for any number of descriptors on one thread, and tells once for each that it became ready.
 * It knows nothing of what they stand for, and closes none.
 *
 * <p>Thread-safe. Callbacks run on the watcher's thread, one after the other, and must be short.
 */
public final class Watcher implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Watcher.class);

  private record Watch(int fd, BooleanSupplier due, Runnable ready) {}

  private record Deadline(long nanos, Long token, Runnable late) {}

  private final Epoll epoll = new Epoll();
  private final Map<Long, Watch> watches = new ConcurrentHashMap<>();
  private final Queue<Deadline> deadlines = new LinkedList<>(); // the watcher's thread alone
  private final AtomicLong tokens = new AtomicLong();
  private long event; // told of just now; the watcher's thread alone
  private volatile boolean closing;

  /** Starts the thread, a daemon; EAGAIN if there is none to be had. */
  public Watcher(String threadName) throws ErrnoException {
    Thread thread = new Thread(null, this::run, threadName, 256 * 1024);
    thread.setDaemon(true);
    try {
      thread.start();
    } catch (OutOfMemoryError noMoreThreads) {
      epoll.close();
      throw new ErrnoException(Errno.EAGAIN, "start a thread");
    }
  }

  /**
   * Watches a descriptor until it is ready in the sense of the mask (epoll_ctl(2)), then tells.
   *
   * @return a token, to {@link #forget} it by
   * @throws ErrnoException if the kernel has no room; the callback is not called then
   */
  public long watch(int fd, int mask, Runnable ready) throws ErrnoException {
    return watch(fd, mask, () -> true, ready);
  }

  /**
   * Watches as {@link #watch(int, int, Runnable)} does, but tells only when it is due. Asked at
   * each event, so the mask must be edge-triggered ({@link Epoll#EPOLLET}).
   */
  public long watch(int fd, int mask, BooleanSupplier due, Runnable ready) throws ErrnoException {
    long token = tokens.incrementAndGet();
    watches.put(token, new Watch(fd, due, ready));
    try {
      epoll.add(fd, mask, token);
    } catch (ErrnoException e) {
      watches.remove(token);
      throw e;
    }
    return token;
  }

  /**
   * Stops watching, before the descriptor is closed. True if its callback was not and won't be
   * called.
   */
  public boolean forget(long token) {
    boolean watched = take(token) != null;
    if (watched) {
      wakeIfLast();
    }
    return watched;
  }

  /** At once, so that whoever does not get it may close the descriptor all the same. */
  private synchronized @Nullable Watch take(long token) {
    Watch watch = watches.remove(token);
    if (watch != null) {
      epoll.remove(watch.fd);
    }
    return watch;
  }

  /**
   * Watches as {@link #watch(int, int, Runnable)} does, for so long; then gives up, and tells that.
   * To be called in a callback only, and always with the same patience: then the first to be given
   * up is the one that was watched first, and one queue does for all.
   */
  public void watch(int fd, int mask, Runnable ready, Duration patience, Runnable late)
      throws ErrnoException {
    long token = watch(fd, mask, ready);
    try {
      deadlines.add(new Deadline(System.nanoTime() + patience.toNanos(), token, late));
    } catch (OutOfMemoryError full) {
      forget(token); // or it would be watched twice
      throw full;
    }
  }

  private void run() {
    Runnable tell = this::tell; // made now: a full heap loses no event
    Runnable giveUp = this::giveUp;
    LongConsumer each =
        token -> {
          event = token;
          FullHeap.outlast(tell);
        };
    Runnable round = () -> epoll.await(patience(), each);
    while (!closing || !watches.isEmpty()) {
      FullHeap.outlast(round);
      FullHeap.outlast(giveUp);
    }
    epoll.close();
  }

  /** Until the first deadline, in milliseconds; negative if there is none. */
  private int patience() {
    while (!deadlines.isEmpty() && !watches.containsKey(deadlines.peek().token)) {
      deadlines.remove();
    }
    return deadlines.isEmpty()
        ? -1
        : (int) Math.max(0, (deadlines.peek().nanos - System.nanoTime()) / 1_000_000 + 1);
  }

  private void giveUp() {
    long now = System.nanoTime();
    while (!deadlines.isEmpty() && deadlines.peek().nanos - now < 0) {
      Deadline passed = deadlines.peek();
      boolean late = forget(passed.token);
      deadlines.remove();
      if (late) {
        call(passed.late);
      }
    }
  }

  private void tell() {
    Watch watch = watches.get(event);
    if (watch != null && isDue(watch) && take(event) != null) {
      call(watch.ready);
    }
  }

  private static boolean isDue(Watch watch) {
    try {
      return watch.due.getAsBoolean();
    } catch (RuntimeException | Error e) {
      if (e instanceof VirtualMachineError full && FullHeap.isFull(full)) {
        throw full;
      }
      complain(e);
      return true;
    }
  }

  private static void call(Runnable callback) {
    try {
      callback.run();
    } catch (RuntimeException | Error e) {
      complain(e);
    }
  }

  private static void complain(Throwable e) {
    try {
      LOG.error("a watcher's callback failed", e);
    } catch (RuntimeException | Error alsoTheLogger) {
      return; // there is nowhere else to say so, and others are to be told
    }
  }

  private void wakeIfLast() {
    if (closing && watches.isEmpty()) {
      epoll.wake();
    }
  }

  /** Lets the thread end as soon as nothing is watched any more. Nothing may be watched anew. */
  @Override
  public void close() {
    closing = true;
    wakeIfLast();
  }
}
