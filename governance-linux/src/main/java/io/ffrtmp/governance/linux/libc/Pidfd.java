package io.ffrtmp.governance.linux.libc;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * A descriptor that stands for one process for ever, whatever becomes of its number
 * (pidfd_open(2)).
 *
 * <p>Thread-safe: once closed, nothing is done to whoever has the descriptor's number then, nor
 * told of them; what is read counts only if this is still open afterwards.
 */
public final class Pidfd implements AutoCloseable {
  private static final short POLLIN = 1;
  private static final int P_PID = 1;
  private static final int P_PIDFD = 3;
  private static final int WNOHANG = 1;
  private static final int WEXITED = 4;
  private static final int WNOWAIT = 0x1000000;
  private static final int CLD_EXITED = 1;
  private static final int CLD_DUMPED = 3;
  private static final long PIDFD_GET_INFO = 0xC040FF0BL; // linux/pidfd.h, Linux 6.13
  private static final long PIDFD_INFO_EXIT = 8; // Linux 6.15
  private static final long PIDFD_INFO_DEATH = PIDFD_INFO_EXIT | 4; // PIDFD_INFO_CGROUPID

  private final int fd;
  private volatile boolean closed;

  private Pidfd(int fd) {
    this.fd = fd;
  }

  /**
   * The process with this id, zombies included. ESRCH if there is none, ENOENT for a thread's id.
   */
  public static Pidfd open(int pid) throws ErrnoException {
    return new Pidfd(
        Libc.check((int) Raw.syscall(434, pid, 0, 0, 0), "pidfd_open of process ", pid));
  }

  /** Its number in our pid namespace, zombies included; empty once it was reaped. */
  public OptionalInt pid() {
    try {
      for (String line : Libc.readText("/proc/self/fdinfo/" + fd).split("\n")) {
        if (line.startsWith("Pid:\t") && !closed) {
          int pid = Integer.parseInt(line.substring(5).strip());
          return pid > 0 ? OptionalInt.of(pid) : OptionalInt.empty();
        }
      }
    } catch (ErrnoException gone) {
      return OptionalInt.empty();
    }
    return OptionalInt.empty();
  }

  /** The descriptor, for an epoll set. */
  public int fd() {
    return fd;
  }

  /** Sends a signal; ESRCH once the process was reaped, or this was closed. */
  public synchronized void send(int signal) throws ErrnoException {
    if (closed) {
      throw new ErrnoException(Errno.ESRCH, "pidfd_send_signal");
    }
    Libc.check((int) Raw.syscall(424, fd, signal, 0, 0), "pidfd_send_signal " + signal);
  }

  /** Whether the process has ended, reaped or not; true once this was closed. */
  public boolean ended() {
    return ended(Duration.ZERO);
  }

  /** Whether the process ends within a time, waiting for it. */
  public boolean ended(Duration patience) {
    byte[] pollfd = new byte[8];
    Libc.buffer(pollfd).putInt(0, fd).putShort(4, POLLIN);
    return Raw.poll(pollfd, 1, (int) patience.toMillis()) == 1 || closed;
  }

  /**
   * Reaps our child, waiting for its end if need be, and tells its wait status; that is the only
   * process touched. Empty if it is not our child to reap (ECHILD). Must not be closed meanwhile.
   */
  public OptionalInt reap() throws ErrnoException {
    return closed ? OptionalInt.empty() : reap(P_PIDFD, fd);
  }

  /** Reaps our child of which no pidfd could be had; its number is its own until then. */
  public static OptionalInt reap(int pid) throws ErrnoException {
    return reap(P_PID, pid);
  }

  /**
   * Whether {@link #reap} would have to wait: our child runs, or it has ended and a tracer of it
   * has not been told yet (ptrace(2)).
   */
  public boolean keepsWaiting() {
    byte[] siginfo = new byte[128];
    int result = Raw.waitid(P_PIDFD, fd, siginfo, WEXITED | WNOHANG | WNOWAIT);
    return result == 0 && Libc.buffer(siginfo).getInt(8) == 0 && !closed; // si_code
  }

  private static OptionalInt reap(int idType, int id) throws ErrnoException {
    byte[] siginfo = new byte[128];
    try {
      Libc.retry(() -> Raw.waitid(idType, id, siginfo, WEXITED), "waitid", "");
    } catch (ErrnoException e) {
      if (e.errno() == Errno.ECHILD) {
        return OptionalInt.empty();
      }
      throw e;
    }
    int status = Libc.buffer(siginfo).getInt(24); // si_status: the exit code, or the signal
    return OptionalInt.of(
        switch (Libc.buffer(siginfo).getInt(8)) { // si_code
          case CLD_EXITED -> status << 8;
          case CLD_DUMPED -> status | 0x80;
          default -> status;
        });
  }

  /** The wait status of a process that was reaped by whomever, where the kernel tells it. */
  public OptionalInt waitStatus() throws ErrnoException {
    ByteBuffer info = info();
    boolean told = (info.getLong(0) & PIDFD_INFO_EXIT) != 0;
    return told ? OptionalInt.of(info.getInt(60)) : OptionalInt.empty();
  }

  /** The id of the v2 cgroup in which a process died that was reaped, where the kernel tells it. */
  public OptionalLong lastCgroup() throws ErrnoException {
    ByteBuffer info = info();
    boolean told = (info.getLong(0) & PIDFD_INFO_DEATH) == PIDFD_INFO_DEATH;
    return told ? OptionalLong.of(info.getLong(8)) : OptionalLong.empty();
  }

  private ByteBuffer info() throws ErrnoException {
    byte[] info = new byte[64];
    Libc.buffer(info).putLong(0, PIDFD_INFO_DEATH);
    Libc.check(Raw.ioctl(fd, PIDFD_GET_INFO, info), "ioctl PIDFD_GET_INFO");
    if (closed) {
      throw new ErrnoException(Errno.ESRCH, "ioctl PIDFD_GET_INFO");
    }
    return Libc.buffer(info);
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      Raw.close(fd);
    }
  }
}
