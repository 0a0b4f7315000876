package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The files of cgroups, and those of {@code /proc} that tell of them: the one way to them once a
 * base was found. These are the kernel's own; tests put faults in between. Thread-safe.
 */
public interface CgroupFiles {
  /**
   * The extended attribute that bears a job's mark; {@code user.*} works there from Linux 5.7 on.
   */
  String MARK = "user.ffrtmp";

  /** A directory held by flock(2), until this is closed. */
  class Lock implements AutoCloseable {
    private final int fd;

    Lock(int fd) {
      this.fd = fd;
    }

    /** mkdirat(2) in the very directory that is held: ENOENT if it was removed meanwhile. */
    void mkdir(String name) throws ErrnoException {
      Libc.mkdirat(fd, name);
    }

    @Override
    public void close() {
      Libc.close(fd);
    }
  }

  /** The kernel's own. */
  static CgroupFiles kernel() {
    return new CgroupFiles() {};
  }

  /** The whole text of a file. */
  default String read(String path) throws ErrnoException {
    return Libc.readText(path);
  }

  /** Writes with one write(2): the kernel takes each as one request. */
  default void write(String path, String text) throws ErrnoException {
    Libc.writeFile(path, text);
  }

  /** mkdir(2), mode 0700. */
  default void mkdir(String path) throws ErrnoException {
    Libc.mkdir(path);
  }

  /** rmdir(2). */
  default void rmdir(String path) throws ErrnoException {
    Libc.rmdir(path);
  }

  /** The paths of the directories right beneath this one. */
  default List<String> subdirectories(String path) throws ErrnoException {
    List<String> found = new ArrayList<>();
    if (Libc.stat(path).links() == 2) { // kernfs counts them there
      return found;
    }
    try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of(path), Files::isDirectory)) {
      all.forEach(each -> found.add(each.toString()));
      return found;
    } catch (IOException | DirectoryIteratorException e) {
      Libc.close(open(path)); // names the errno, which Java does not
      throw new ErrnoException(Errno.EIO, "list " + path);
    }
  }

  /** The mark of a directory, if it bears one. */
  default Optional<byte[]> mark(String path) throws ErrnoException {
    return Libc.getxattr(path, MARK);
  }

  /** Sets the mark of a directory. */
  default void mark(String path, byte[] value) throws ErrnoException {
    Libc.setxattr(path, MARK, value);
  }

  /** Holds a directory, for microseconds: after waiting for it; or at once, or EAGAIN. */
  default Lock lock(String directory, boolean wait) throws ErrnoException {
    Lock lock = new Lock(open(directory));
    try {
      int owner = Libc.stat(lock.fd).user();
      if (owner != Libc.geteuid()) {
        throw new ForeignException(directory, owner);
      }
      Libc.flock(lock.fd, wait ? Libc.LOCK_EX : Libc.LOCK_EX | Libc.LOCK_NB);
      return lock;
    } catch (ErrnoException e) {
      lock.close();
      throw e;
    }
  }

  /** A close-on-exec descriptor of a directory; the caller closes it. */
  default int open(String directory) throws ErrnoException {
    return Libc.open(directory, Libc.O_DIRECTORY);
  }

  /** A close-on-exec descriptor of a directory's {@code cgroup.events}; the caller closes it. */
  default int openEvents(String directory) throws ErrnoException {
    return Libc.open(directory + "/cgroup.events", Libc.O_RDONLY);
  }
}
