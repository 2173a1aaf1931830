# ggml whisper f16 -> q8_0 | q5_0 | q5_1 | q4_0 ; numpy only.  quant.py in out type
import sys,struct,numpy as np
T={'q4_0':(2,2),'q5_0':(6,8),'q5_1':(7,9),'q8_0':(8,7)}  # ggml tensor type, file ftype
def q(a,t):
    b=a.reshape(-1,32).astype(np.float32); n=len(b)
    if t=='q8_0':
        d=np.abs(b).max(1)/127; i=np.where(d>0,1/np.where(d>0,d,1),0); v=np.round(b*i[:,None]).astype(np.int8)
        return np.concatenate([d.astype(np.float16).view(np.uint8).reshape(n,2),v.view(np.uint8)],1).tobytes()
    def pack5(v): # v 0..31 [n,32]
        lo,hi=v[:,:16],v[:,16:]; qs=((lo&15)|((hi&15)<<4)).astype(np.uint8)
        qh=(((v>>4)&1).astype(np.uint32)<<np.arange(32,dtype=np.uint32)).sum(1).astype(np.uint32)
        return qs,qh.view(np.uint8).reshape(n,4)
    if t in('q5_0','q4_0'):
        h=16 if t=='q5_0' else 8
        mx=b[np.arange(n),np.abs(b).argmax(1)]; d=mx/-h; i=np.where(d!=0,1/np.where(d!=0,d,1),0)
        v=np.minimum(2*h-1,(b*i[:,None]+h+.5).astype(np.int32)); d8=d.astype(np.float16).view(np.uint8).reshape(n,2)
        if t=='q4_0': return np.concatenate([d8,((v[:,:16])|(v[:,16:]<<4)).astype(np.uint8)],1).tobytes()
        qs,qh=pack5(v); return np.concatenate([d8,qh,qs],1).tobytes()
    mn,mx=b.min(1),b.max(1); d=(mx-mn)/31; i=np.where(d>0,1/np.where(d>0,d,1),0); v=((b-mn[:,None])*i[:,None]+.5).astype(np.int32); qs,qh=pack5(v)
    return np.concatenate([np.stack([d,mn],1).astype(np.float16).view(np.uint8).reshape(n,4),qh,qs],1).tobytes()
src,dst=sys.argv[1:3]; t='q8_0'; d=open(src,'rb').read(); o=bytearray(d[:4]); hp=list(struct.unpack_from('<11i',d,4)); hp[10]=2000+T[t][1]; o+=struct.pack('<11i',*hp); p=48
nm,nf=struct.unpack_from('<2i',d,p); e=p+8+4*nm*nf; nv=struct.unpack_from('<i',d,e)[0]; e+=4
for _ in range(nv): e+=4+struct.unpack_from('<i',d,e)[0]
o+=d[p:e]; p=e; k=0
while p<len(d):
    nd,nl,tt=struct.unpack_from('<3i',d,p); dims=struct.unpack_from(f'<{nd}i',d,p+12); name=d[p+12+4*nd:p+12+4*nd+nl]; s=p+12+4*nd+nl; n=int(np.prod(dims))*(2 if tt==1 else 4); raw=d[s:s+n]
    if nd==2 and tt==1 and dims[0]%32==0: raw=q(np.frombuffer(raw,np.float16),t); tt=T[t][0]; k+=1
    o+=struct.pack('<3i',nd,nl,tt)+struct.pack(f'<{nd}i',*dims)+name+raw; p=s+n
open(dst,'wb').write(o); print(dst,len(o),k,'tensors quantised')
