package io.ffrtmp.governance.examples.bench;

import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;

/**
 * posix_spawn(3) and waitpid(2) of {@code /bin/true}, and kill(2), from this JVM, with nothing
 * around them.
 */
final class CLibrary {
  static {
    Native.register(CLibrary.class, NativeLibrary.getProcess());
  }

  private static final Memory PATH = new Memory(16);
  private static final Memory ARGUMENTS = new Memory(16);
  private static final Pointer ENVIRONMENT =
      NativeLibrary.getProcess().getGlobalVariableAddress("environ").getPointer(0);

  static {
    PATH.setString(0, "/bin/true");
    ARGUMENTS.setPointer(0, PATH);
    ARGUMENTS.setPointer(8, Pointer.NULL);
  }

  private CLibrary() {}

  static void spawnAndWait() {
    int pid = spawn();
    int[] status = new int[1];
    if (waitpid(pid, status, 0) != pid || status[0] != 0) {
      throw new IllegalStateException("status " + status[0]);
    }
  }

  /** Answers the pid. */
  static int spawn() {
    int[] pid = new int[1];
    int error = posix_spawn(pid, PATH, Pointer.NULL, Pointer.NULL, ARGUMENTS, ENVIRONMENT);
    if (error != 0) {
      throw new IllegalStateException("errno " + error);
    }
    return pid[0];
  }

  private static native int posix_spawn(
      int[] pid,
      Pointer path,
      Pointer actions,
      Pointer attributes,
      Pointer arguments,
      Pointer environment);

  static native int waitpid(int pid, int[] status, int options);

  /** SIGKILL to a process that nobody has reaped yet. */
  static void kill(long pid) {
    if (kill((int) pid, 9) != 0) {
      throw new IllegalStateException("kill " + pid + ": errno " + Native.getLastError());
    }
  }

  private static native int kill(int pid, int signal);
}
