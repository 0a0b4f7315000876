package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The files as the kernel has them. */
final class KernelFiles implements CgroupFiles {
  @Override
  public String read(String path) throws ErrnoException {
    return Libc.readText(path);
  }

  @Override
  public void write(String path, String text) throws ErrnoException {
    Libc.writeFile(path, text);
  }

  @Override
  public void mkdir(String path) throws ErrnoException {
    Libc.mkdir(path);
  }

  @Override
  public void rmdir(String path) throws ErrnoException {
    Libc.rmdir(path);
  }

  @Override
  public List<String> subdirectories(String path) throws ErrnoException {
    List<String> found = new ArrayList<>();
    try {
      Path directory = Path.of(path);
      if (!Files.getAttribute(directory, "unix:nlink").equals(2)) { // kernfs counts them
        try (DirectoryStream<Path> each = Files.newDirectoryStream(directory, Files::isDirectory)) {
          each.forEach(child -> found.add(child.toString()));
        }
      }
      return found;
    } catch (IOException | DirectoryIteratorException e) {
      boolean denied = e instanceof AccessDeniedException;
      throw new ErrnoException(denied ? Errno.EACCES : Errno.ENOENT, "list " + path);
    }
  }

  @Override
  public Optional<byte[]> mark(String path) throws ErrnoException {
    return Libc.getxattr(path, MARK);
  }

  @Override
  public void mark(String path, byte[] value) throws ErrnoException {
    Libc.setxattr(path, MARK, value);
  }

  @Override
  public Lock lock(String directory, boolean exclusive) throws ErrnoException {
    int fd = open(directory);
    try {
      Libc.flock(fd, exclusive ? Libc.LOCK_EX | Libc.LOCK_NB : Libc.LOCK_SH);
    } catch (ErrnoException e) {
      Libc.close(fd);
      throw e;
    }
    return new Lock() {
      @Override
      public void mkdir(String name) throws ErrnoException {
        Libc.mkdirat(fd, name);
      }

      @Override
      public void close() {
        Libc.close(fd);
      }
    };
  }

  @Override
  public int open(String directory) throws ErrnoException {
    return Libc.open(directory, Libc.O_DIRECTORY);
  }

  @Override
  public int openEvents(String directory) throws ErrnoException {
    return Libc.open(directory + "/cgroup.events", Libc.O_RDONLY);
  }
}
