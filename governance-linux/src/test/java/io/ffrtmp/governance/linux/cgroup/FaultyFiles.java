package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.List;
import java.util.Optional;

/** The kernel's files, with one operation failing. */
final class FaultyFiles implements CgroupFiles {
  private final CgroupFiles kernel = CgroupFiles.kernel();
  private final int errno;
  private int left;
  String failed = "";

  /** The so-many-th operation fails, counted from 1. */
  FaultyFiles(int nth, int errno) {
    this.left = nth;
    this.errno = errno;
  }

  boolean hit() {
    return !failed.isEmpty();
  }

  private void count(String operation) throws ErrnoException {
    if (--left == 0) {
      failed = operation;
      throw new ErrnoException(errno, "injected into " + operation);
    }
  }

  @Override
  public String read(String path) throws ErrnoException {
    count("read " + path);
    return kernel.read(path);
  }

  @Override
  public void write(String path, String text) throws ErrnoException {
    count("write " + path);
    kernel.write(path, text);
  }

  @Override
  public void mkdir(String path) throws ErrnoException {
    count("mkdir " + path);
    kernel.mkdir(path);
  }

  @Override
  public void rmdir(String path) throws ErrnoException {
    count("rmdir " + path);
    kernel.rmdir(path);
  }

  @Override
  public List<String> subdirectories(String path) throws ErrnoException {
    count("list " + path);
    return kernel.subdirectories(path);
  }

  @Override
  public Optional<byte[]> mark(String path) throws ErrnoException {
    count("getxattr " + path);
    return kernel.mark(path);
  }

  @Override
  public void mark(String path, byte[] value) throws ErrnoException {
    count("setxattr " + path);
    kernel.mark(path, value);
  }

  @Override
  public Lock lock(String directory, boolean exclusive) throws ErrnoException {
    count("lock " + directory);
    Lock lock = kernel.lock(directory, exclusive);
    return new Lock(-1) {
      @Override
      void mkdir(String name) throws ErrnoException {
        count("mkdirat " + name);
        lock.mkdir(name);
      }

      @Override
      public void close() {
        lock.close();
      }
    };
  }

  @Override
  public int open(String directory) throws ErrnoException {
    count("open " + directory);
    return kernel.open(directory);
  }

  @Override
  public int openEvents(String directory) throws ErrnoException {
    count("open events " + directory);
    return kernel.openEvents(directory);
  }
}
