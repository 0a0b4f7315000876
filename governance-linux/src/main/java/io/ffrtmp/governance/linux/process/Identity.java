package io.ffrtmp.governance.linux.process;

import io.ffrtmp.governance.AttachRefusedException;
import io.ffrtmp.governance.AttachRefusedException.Reason;
import io.ffrtmp.governance.GovernanceException;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Pidfd;

/**
 * A process that may be attached to: by its pidfd it is known whatever becomes of its number, which
 * is its own as long as it has not ended.
 */
public record Identity(int pid, Pidfd pidfd, ProcStat stat) {
  /** Who reads the files of {@code /proc}. */
  public interface Reader {
    /** The text of a file. */
    String read(String path) throws ErrnoException;
  }

  /** The descriptor of a process, which the caller closes. */
  public static Pidfd open(int pid) {
    try {
      return Pidfd.open(pid);
    } catch (ErrnoException e) {
      boolean thread = ProcStatus.read(pid).filter(it -> it.leader() != pid).isPresent();
      throw thread ? thread(pid) : refused(pid, e);
    }
  }

  private static AttachRefusedException thread(int id) {
    int leader = ProcStatus.read(id).map(ProcStatus::leader).orElse(id);
    return new AttachRefusedException(
        Reason.THREAD, id + " is a thread of process " + leader + ": attach to that");
  }

  /**
   * What it is, if it is one to attach to.
   *
   * @throws ErrnoException if that can't be read, though it may live
   */
  public static Identity of(int pid, Pidfd pidfd, Reader reader) throws ErrnoException {
    ProcStat stat = stat(pid, pidfd, reader);
    ProcStatus status = status(pid, reader);
    if (ProcessTree.isAncestorOfOurs(pid, stat.startTime())) {
      throw refusal(Reason.OURSELVES, pid, "is this JVM, or one that it descends from");
    } else if (stat.kernelThread()) {
      throw refusal(Reason.KERNEL_THREAD, pid, "is the kernel's thread " + stat.comm());
    } else if (status.leader() != pid) {
      throw thread(pid);
    } else if (status.depth() > 1 && status.depth() > ownDepth()) {
      String where = "lives in another pid namespace: attach from within that";
      throw refusal(Reason.OTHER_NAMESPACE, pid, where);
    } else if (pidfd.ended()) {
      throw ended(pid);
    }
    return new Identity(pid, pidfd, stat);
  }

  private static ProcStat stat(int pid, Pidfd pidfd, Reader reader) throws ErrnoException {
    try {
      return ProcStat.parse(reader.read("/proc/" + pid + "/stat")).orElseThrow(() -> ended(pid));
    } catch (ErrnoException e) {
      if (!e.isGone() && e.errno() != Errno.EPERM) {
        throw e;
      } else if (pidfd.ended()) {
        throw ended(pid);
      }
      String why = "is hidden from us (hidepid, proc(5)): attach as its user, or as root";
      throw refusal(Reason.HIDDEN, pid, why);
    }
  }

  private static ProcStatus status(int pid, Reader reader) throws ErrnoException {
    try {
      return ProcStatus.parse(pid, reader.read("/proc/" + pid + "/status"))
          .orElseThrow(() -> ended(pid));
    } catch (ErrnoException e) {
      if (e.isGone()) {
        throw ended(pid);
      }
      throw e;
    }
  }

  private static int ownDepth() {
    return ProcStatus.read((int) ProcessHandle.current().pid()).map(ProcStatus::depth).orElse(1);
  }

  /** The refusal of one that has ended. */
  public static AttachRefusedException ended(int pid) {
    return refusal(Reason.ENDED, pid, "has ended");
  }

  /** The refusal for what the kernel said of it. */
  public static AttachRefusedException refused(int pid, ErrnoException e) {
    if (e.isShortage()) {
      String raise = ": raise the limit (ulimit -n, LimitNOFILE=)";
      return refusal(Reason.NO_DESCRIPTOR, pid, "can't be watched, " + e.getMessage() + raise);
    } else if (e.isGone()) {
      return new AttachRefusedException(
          Reason.NO_SUCH_PROCESS, "there is no process " + pid + " in this pid namespace");
    }
    throw new GovernanceException("process " + pid + ": " + e.getMessage(), e);
  }

  /** A refusal that says why this process can't be attached to. */
  public static AttachRefusedException refusal(Reason reason, int pid, String why) {
    return new AttachRefusedException(reason, "process " + pid + " " + why);
  }
}
