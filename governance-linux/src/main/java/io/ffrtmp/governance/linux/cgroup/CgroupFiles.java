package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.List;
import java.util.Optional;

/**
 * The files of the cgroup file systems, and of {@code /proc}: the only way from this package to
 * them once a base was found. Every failure is an {@link ErrnoException}. Thread-safe.
 */
public interface CgroupFiles {
  /**
   * The extended attribute that bears a job's mark; {@code user.*} works there from Linux 5.7 on.
   */
  String MARK = "user.ffrtmp";

  /** The kernel's own. */
  static CgroupFiles kernel() {
    return new KernelFiles();
  }

  /** The whole text of a file. */
  String read(String path) throws ErrnoException;

  /** Writes with one write(2): the kernel takes each as one request. */
  void write(String path, String text) throws ErrnoException;

  /** mkdir(2), mode 0700. */
  void mkdir(String path) throws ErrnoException;

  /** rmdir(2). */
  void rmdir(String path) throws ErrnoException;

  /** The paths of the directories right beneath this one. */
  List<String> subdirectories(String path) throws ErrnoException;

  /** The mark of a directory, if it bears one. */
  Optional<byte[]> mark(String path) throws ErrnoException;

  /** Sets the mark of a directory. */
  void mark(String path, byte[] value) throws ErrnoException;

  /** Holds a directory by flock(2): shared, after waiting; exclusive at once, or EAGAIN. */
  Lock lock(String directory, boolean exclusive) throws ErrnoException;

  /** A close-on-exec descriptor of a group's directory, which the caller closes. */
  int open(String directory) throws ErrnoException;

  /** A close-on-exec descriptor of a group's {@code cgroup.events}, which the caller closes. */
  int openEvents(String directory) throws ErrnoException;

  /** A directory that is held until this is closed. */
  interface Lock extends AutoCloseable {
    /** mkdirat(2) in the very directory that is held; ENOENT if that was removed meanwhile. */
    void mkdir(String name) throws ErrnoException;

    @Override
    void close();
  }
}
