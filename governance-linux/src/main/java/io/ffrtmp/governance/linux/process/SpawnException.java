package io.ffrtmp.governance.linux.process;

import io.ffrtmp.governance.StartFailure;
import io.ffrtmp.governance.StartFailure.Fault;
import io.ffrtmp.governance.StartFailure.Step;
import io.ffrtmp.governance.linux.libc.Errno;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import java.util.Optional;
import java.util.Set;

/** A workload did not start; nothing of it is left. */
public final class SpawnException extends Exception {
  private static final long serialVersionUID = 1L;

  /** What execve(2), chdir(2) and open(2) say of the caller's own paths and arguments. */
  static final Set<Integer> WORKLOADS_FAULT =
      Set.of(
          Errno.ENOENT,
          Errno.EACCES,
          Errno.ENOEXEC,
          Errno.E2BIG,
          Errno.ENOTDIR,
          Errno.EISDIR,
          Errno.ELOOP,
          Errno.ENAMETOOLONG,
          Errno.ETXTBSY,
          Errno.ELIBBAD,
          Errno.EINVAL);

  /**
   * What open(2) says of the caller's own files besides: no file, immutable, on a read-only mount.
   */
  private static final Set<Integer> FILES_FAULT = Set.of(Errno.ENXIO, Errno.EPERM, Errno.EROFS);

  private final transient StartFailure failure;

  /** With why. */
  public SpawnException(StartFailure failure) {
    super(failure.message());
    this.failure = failure;
  }

  /** The workload's own fault if its errno tells so, else the platform's. */
  static SpawnException of(Step step, int errno, String message) {
    boolean file = step == Step.STDIO && FILES_FAULT.contains(errno);
    Fault fault = file || WORKLOADS_FAULT.contains(errno) ? Fault.WORKLOAD : Fault.PLATFORM;
    return new SpawnException(
        StartFailure.of(fault, step, Optional.of(Errno.name(errno)), message));
  }

  /** The workload's own fault if the refusal tells so, else the platform's. */
  public static SpawnException of(Step step, ErrnoException cause) {
    return of(step, cause.errno(), cause.getMessage());
  }

  /** What no system call has refused. */
  public static SpawnException of(Fault fault, Step step, String message) {
    return new SpawnException(StartFailure.of(fault, step, Optional.empty(), message));
  }

  /** Why. */
  public StartFailure failure() {
    return failure;
  }
}
