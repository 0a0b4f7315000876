package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The kernel's files, one of whose operations fails. Counts only while it is armed. Thread-safe.
 */
final class FaultyFiles implements CgroupFiles {
  private final CgroupFiles kernel = CgroupFiles.kernel();
  private final Pattern paths;
  private final List<String> operations = new ArrayList<>();
  private boolean armed;
  private int victim = -1;
  private int errno;

  /** Any file's operations count. */
  FaultyFiles() {
    this(".*");
  }

  /** Only those on paths like this count: not what others do on the host. */
  FaultyFiles(String paths) {
    this.paths = Pattern.compile(paths);
  }

  /** Counts from here on; no operation fails. */
  synchronized void arm() {
    arm(-1, 0);
  }

  /** Counts from here on; the operation with this index, from 0, fails. */
  synchronized void arm(int index, int withErrno) {
    operations.clear();
    armed = true;
    victim = index;
    errno = withErrno;
  }

  /** Lets everything pass. */
  synchronized void disarm() {
    armed = false;
  }

  /** What was done while armed, as {@code NAME PATH}. */
  synchronized List<String> operations() {
    return List.copyOf(operations);
  }

  /** The operation that failed. */
  synchronized String failed() {
    return victim >= 0 && victim < operations.size() ? operations.get(victim) : "none";
  }

  private synchronized void pass(String name, String path) throws ErrnoException {
    if (armed && paths.matcher(path).matches()) {
      operations.add(name + " " + path);
      if (operations.size() - 1 == victim) {
        throw new ErrnoException(errno, "injected: " + name + " " + path);
      }
    }
  }

  @Override
  public String read(String path) throws ErrnoException {
    pass("read", path);
    return kernel.read(path);
  }

  @Override
  public void write(String path, String text) throws ErrnoException {
    pass("write", path);
    kernel.write(path, text);
  }

  @Override
  public void mkdir(String path) throws ErrnoException {
    pass("mkdir", path);
    kernel.mkdir(path);
  }

  @Override
  public void rmdir(String path) throws ErrnoException {
    pass("rmdir", path);
    kernel.rmdir(path);
  }

  @Override
  public List<String> subdirectories(String path) throws ErrnoException {
    pass("subdirectories", path);
    return kernel.subdirectories(path);
  }

  @Override
  public Optional<byte[]> mark(String path) throws ErrnoException {
    pass("getmark", path);
    return kernel.mark(path);
  }

  @Override
  public void mark(String path, byte[] value) throws ErrnoException {
    pass("setmark", path);
    kernel.mark(path, value);
  }

  @Override
  public Lock lock(String directory, boolean exclusive) throws ErrnoException {
    pass("lock", directory);
    return kernel.lock(directory, exclusive);
  }

  @Override
  public int open(String directory) throws ErrnoException {
    pass("open", directory);
    return kernel.open(directory);
  }

  @Override
  public int openEvents(String directory) throws ErrnoException {
    pass("openEvents", directory);
    return kernel.openEvents(directory);
  }
}
