package io.ffrtmp.governance.linux.libc;

import java.nio.ByteBuffer;
import java.util.function.LongConsumer;

/** An epoll set (epoll(7)) and an eventfd(2) that wakes its waiter. Thread-safe, for one waiter. */
public final class Epoll implements AutoCloseable {
  public static final int EPOLLIN = 1;
  public static final int EPOLLPRI = 2;

  public static final int EPOLLET = 1 << 31;
  private static final int EPOLL_CTL_ADD = 1;
  private static final int EPOLL_CTL_DEL = 2;
  private static final long WAKE = 0;
  private static final int CAPACITY = 256;

  /** struct epoll_event is packed on x86-64 alone (sys/epoll.h). */
  private static final int DATA = Libc.ARM ? 8 : 4;

  private static final int SIZE = DATA + 8;

  private final byte[] events = new byte[CAPACITY * SIZE];
  private final ByteBuffer told = Libc.buffer(events); // made now: a full heap loses no event
  private final int epoll;
  private final int wake;
  private boolean closed; // then the numbers may be of somebody else's files

  /** A new, empty set. */
  public Epoll() throws ErrnoException {
    epoll = Libc.check(Raw.epoll_create1(Libc.O_CLOEXEC), "epoll_create1");
    wake = Raw.eventfd(0, Libc.O_CLOEXEC | Libc.O_NONBLOCK);
    try {
      Libc.check(wake, "eventfd");
      add(wake, EPOLLIN | EPOLLET, WAKE); // or a wake that nobody reads would end every wait
    } catch (ErrnoException e) {
      close();
      throw e;
    }
  }

  /**
   * Adds a descriptor, told by its token, which is not 0; ENOMEM or ENOSPC if the kernel has no
   * room for it.
   */
  public synchronized void add(int fd, int mask, long token) throws ErrnoException {
    if (closed) {
      throw new ErrnoException(Errno.EBADF, "epoll_ctl add");
    }
    byte[] event = new byte[SIZE];
    Libc.buffer(event).putInt(0, mask).putLong(DATA, token);
    Libc.check(Raw.epoll_ctl(epoll, EPOLL_CTL_ADD, fd, event), "epoll_ctl add");
  }

  /** Removes a descriptor; one that is not in the set is left alone. */
  public synchronized void remove(int fd) {
    if (!closed) {
      Raw.epoll_ctl(epoll, EPOLL_CTL_DEL, fd, null);
    }
  }

  /**
   * Waits for descriptors to become ready, and tells their tokens; EINTR, {@link #wake} and the end
   * of the patience, in milliseconds, tell none. A negative patience has no end.
   */
  public void await(int patience, LongConsumer ready) {
    int count = Raw.epoll_wait(epoll, events, CAPACITY, patience);
    for (int i = 0; i < count; i++) {
      long token = told.getLong(i * SIZE + DATA);
      if (token != WAKE) {
        ready.accept(token);
      }
    }
  }

  /** Ends a wait under way, or the next one. */
  public synchronized void wake() {
    if (!closed) {
      byte[] one = new byte[8];
      Libc.buffer(one).putLong(0, 1);
      Raw.write(wake, one, one.length);
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    Raw.close(wake);
    Raw.close(epoll);
  }
}
